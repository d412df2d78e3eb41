/**
 * Parameters of the API: each route's are a table of parsers, from which their check, the types of handlers, and their part
 * of the document come. Pure: the clock is an argument.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifySchemaCompiler,
  FastifyTypeProvider,
  RawServerDefault,
} from 'fastify';
import type { Static, TSchema } from '../../service/schema.ts';
import type { ValueParser } from '../../service/value-parser.ts';

/** The longest parameter, in UTF-16 units. */
export const TEXT_LIMIT = 1_024;

/** A parameter, or a part of a body, cannot be used; becomes the 400 answer. */
export class ParameterError extends Error {
  readonly statusCode = 400;
  constructor(name: string, valid: string) {
    super(`${name} must be ${valid}`);
  }
}

/** One parameter: what it is for, how its text is read, and its value where it is not given. */
export interface Parameter<T> extends ValueParser<T> {
  readonly description: string;
  readonly absent: T;
}

/** A parameter that is null where it is not given. */
export const parameter = <T>(description: string, parser: ValueParser<T>): Parameter<T | null> => ({
  ...parser,
  description,
  absent: null,
});

/** A parameter with a value of its own where it is not given. */
export const withDefault = <T>(description: string, parser: ValueParser<T>, absent: T): Parameter<T> => ({
  ...parser,
  description,
  absent,
});

/** A part of a body that must be given. */
export const required = <T>(description: string, parser: ValueParser<T>): Parameter<T> => ({
  ...parser,
  description,
  absent: undefined as T,
});

/** The parameters of a route, or the parts of its body, by name. */
export type Parameters = Readonly<Record<string, Parameter<unknown>>>;
/** Their values, as a handler gets them. */
export type ValuesOf<P extends Parameters> = { readonly [K in keyof P]: P[K] extends Parameter<infer T> ? T : never };

/** The key under which a schema of parameters keeps them, for the check: a symbol is no keyword of the schema. */
const PARAMETERS = Symbol('parameters');

/** The schema of a table of parameters. */
export interface ParametersSchema<P extends Parameters> {
  readonly type: 'object';
  readonly properties: Readonly<Record<string, object>>;
  readonly [PARAMETERS]: P;
}

/** Describes parameters for the document, and keeps them for the check. */
export const schemaOf = <P extends Parameters>(parameters: P): ParametersSchema<P> => ({
  type: 'object',
  properties: Object.fromEntries(
    Object.entries(parameters).map(([name, { description, valid, words, absent }]) => [
      name,
      {
        type: 'string',
        description: `${description}: ${valid}`,
        ...(words ? { enum: words } : {}),
        ...(absent === null || absent === undefined ? {} : { default: absent }),
      },
    ]),
  ),
  [PARAMETERS]: parameters,
});

/**
 * Reads what was given by name. Throws a ParameterError for a value that is not valid, and for a name that is not among the
 * parameters: a misspelt filter must not give unfiltered answers.
 */
export function readParameters<P extends Parameters>(parameters: P, given: unknown, nowMs: number): ValuesOf<P> {
  const all = (typeof given === 'object' && given !== null ? given : {}) as Readonly<Record<string, unknown>>;
  const known = Object.keys(parameters);
  for (const name of Object.keys(all))
    if (!known.includes(name)) {
      const takes = known.length === 0 ? 'no parameter' : known.join(', ');
      throw new ParameterError(name.slice(0, 40), `left out: this path takes ${takes}`);
    }
  const values: Record<string, unknown> = {};
  for (const [name, { parse, valid, absent }] of Object.entries(parameters)) {
    const value = all[name];
    if (value !== undefined && (typeof value !== 'string' || value.length > TEXT_LIMIT))
      throw new ParameterError(name, `given once, as a text of at most ${TEXT_LIMIT} characters`);
    const read = value === undefined ? absent : parse(value, nowMs);
    if (read === undefined) throw new ParameterError(name, valid);
    values[name] = read;
  }
  const { since, until } = values as { since?: number | null; until?: number | null };
  if (typeof since === 'number' && typeof until === 'number' && since >= until)
    throw new ParameterError('since', 'before until');
  return values as ValuesOf<P>;
}

/** Refuses a byte order mark for an answer that has none. Throws a ParameterError. */
export function refuseMark(bom: string | null, format: string): void {
  if (bom !== null && format !== 'csv') throw new ParameterError('bom', 'left out: only format=csv has one');
}

/** Fastify's check of parameters and bodies: by their own parsers; what is described by a plain schema is not checked. */
export const checkWith =
  (now: () => number): FastifySchemaCompiler<Partial<ParametersSchema<Parameters>>> =>
  ({ schema }) =>
  (given: unknown) => {
    const parameters = schema[PARAMETERS];
    if (!parameters) return { value: given };
    try {
      return { value: readParameters(parameters, given, now()) };
    } catch (error) {
      return { error: error as ParameterError };
    }
  };

/** Gives handlers the types of what their route's schema takes and answers. */
export interface ApiTypes extends FastifyTypeProvider {
  validator: this['schema'] extends ParametersSchema<infer P extends Parameters> ? ValuesOf<P> : unknown;
  serializer: this['schema'] extends TSchema ? Static<this['schema']> : unknown;
}

/** A fastify instance whose handlers have these types. */
export type ApiApp = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ApiTypes>;
