/**
 * JSON Schema with static types: a schema is written once, and `Static<typeof schema>` is the type of the values it takes.
 *
 * The types are TypeBox's. Its code is not loaded: it takes 12 MiB and 100 ms, and the schemas made here are plain objects
 * that fastify, ajv and OpenAPI 3.0 read as they are. The one file that imports TypeBox. Pure.
 */
import type {
  Static,
  TArray,
  TBoolean,
  TEnum,
  TImmutable,
  TInteger,
  TNull,
  TNumber,
  TObject,
  TOptional,
  TProperties,
  TRecord,
  TSchema,
  TString,
  TUnion,
} from 'typebox';

export type { Static, TProperties, TSchema };

/** Keywords of JSON Schema that are not part of a type: `description`, `maxLength`, `minimum`, `default` and the like. */
type Keywords = Readonly<Record<string, unknown>>;

const made = <T>(schema: object): T => schema as T;

/** Marks a property that may be absent. A symbol, so that it is no keyword of the schema. */
const OPTIONAL = Symbol('optional');

/** Describes a text. */
export const text = (keywords: Keywords = {}): TString => made({ type: 'string', ...keywords });

/** Describes a whole number. */
export const integer = (keywords: Keywords = {}): TInteger => made({ type: 'integer', ...keywords });

/** Describes a number. */
export const number = (keywords: Keywords = {}): TNumber => made({ type: 'number', ...keywords });

/** Describes `true` or `false`. */
export const flag = (keywords: Keywords = {}): TBoolean => made({ type: 'boolean', ...keywords });

/** Describes one of some words. */
export const oneOf = <const W extends readonly string[]>(words: W, keywords: Keywords = {}): TEnum<[...W]> =>
  made({ type: 'string', enum: words, ...keywords });

/** Describes a list. */
export const list = <T extends TSchema>(items: T, keywords: Keywords = {}): TImmutable<TArray<T>> =>
  made({ type: 'array', items, ...keywords });

/** Describes an object with any names, whose values are all alike. */
export const record = <T extends TSchema>(values: T, keywords: Keywords = {}): TRecord<'^.*$', T> =>
  made({ type: 'object', additionalProperties: values, ...keywords });

/** Describes an object. Each property is required unless it is `optional`. */
export function object<P extends TProperties>(properties: P, keywords: Keywords = {}): TObject<P> {
  const required = Object.entries(properties)
    .filter(([, schema]) => !(OPTIONAL in schema))
    .map(([name]) => name);
  return made({ type: 'object', ...(required.length > 0 ? { required } : {}), properties, ...keywords });
}

/** Describes one of several objects, which the word in one of their properties tells apart. */
export const tagged = <const T extends readonly TObject[]>(tag: string, objects: T): TUnion<[...T]> & { oneOf: T } =>
  made({ type: 'object', required: [tag], discriminator: { propertyName: tag }, oneOf: objects });

/** Lets a property be absent. */
export const optional = <T extends TSchema>(schema: T): TOptional<T> => made({ ...schema, [OPTIONAL]: true });

/** Lets a value be null, in the words of OpenAPI 3.0, where an `enum` must name null too. */
export function orNull<T extends TSchema>(schema: T): TUnion<[T, TNull]> {
  const words = (schema as { readonly enum?: readonly unknown[] }).enum;
  return made({ ...schema, ...(words ? { enum: [...words, null] } : {}), nullable: true });
}
