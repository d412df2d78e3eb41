/** The parameters of the routes by which people decide. Pure. */
import { integer, object } from '../../service/schema.ts';
import { readSpan, time, type ValueParser, wholeNumber, wordOf } from '../../service/value-parser.ts';
import { RULES } from '../alert-config/rules.ts';
import { by, DECIDED, DECISIONS, Fault, source, type TAGS } from './api-schema.ts';
import { type Parameters, parameter, required, schemaOf, TEXT_LIMIT } from './parameters.ts';

/** The longest reason of a decision, in UTF-16 units. */
export const WHY_LIMIT = 500;
/** A block or a silence ends within a year: nobody remembers an older one. */
export const DECIDED_LIMIT_MS = 366 * 86_400_000;
/** Sources that one decision names at most: as many as a body takes, IPv6 networks among them. */
export const SOURCES_LIMIT = 40;
/** Hosts that one silence names at most. */
export const HOSTS_LIMIT = 40;
/** Alerts that are acknowledged at once: as many ids as a body takes. */
export const IDS_LIMIT = 40;

const why = required('Why', {
  valid: `a reason of 1 to ${WHY_LIMIT} characters`,
  parse: (given) => {
    const reason = given.trim();
    return reason === '' || reason.length > WHY_LIMIT ? undefined : reason;
  },
});

/** Takes an ISO 8601 time after now, or a span from now such as `24h`, within DECIDED_LIMIT_MS; gives Unix milliseconds. */
const ahead: ValueParser<number> = {
  valid: 'an ISO 8601 time after now, or a span from now such as 1h, 24h or 7d, within a year',
  parse: (given, nowMs) => {
    const spanMs = readSpan(given);
    const ms = spanMs === undefined ? time.parse(given, nowMs) : nowMs + spanMs;
    return ms !== undefined && ms > nowMs && ms - nowMs <= DECIDED_LIMIT_MS ? ms : undefined;
  },
};

/** Reads sources with commas between, each once. */
const sources: ValueParser<string> = {
  valid: `${source.valid}; or up to ${SOURCES_LIMIT} of these with commas between`,
  parse: (given, nowMs) => {
    const all = given.split(',').map((one) => source.parse(one.trim(), nowMs));
    return all.length <= SOURCES_LIMIT && all.every((one) => one !== undefined)
      ? [...new Set(all)].join(',')
      : undefined;
  },
};

/** Reads hosts with spaces between, which no name has, each once. */
const hosts: ValueParser<string> = {
  valid: `a host name; or up to ${HOSTS_LIMIT} of these with spaces between`,
  parse: (given) => {
    const all = given.split(' ').filter((one) => one !== '');
    return all.length > 0 && all.length <= HOSTS_LIMIT && all.every((one) => one.length <= TEXT_LIMIT)
      ? [...new Set(all)].join(' ')
      : undefined;
  },
};

const decision = {
  kind: required('block an address, allow one, or silence incidents', wordOf(['block', 'allow', 'silence'])),
  source: parameter('The addresses or networks', sources),
  host: parameter('The hosts of a silence', hosts),
  rule: parameter('The rule of a silence; left out: any', wordOf(RULES)),
  until: parameter('Until when; an allowance may do without', ahead),
  why,
  by,
};

/** Reads ids of alerts with commas between. */
const alertIds: ValueParser<readonly string[]> = {
  valid: `1 to ${IDS_LIMIT} ids of alerts with commas between`,
  parse: (given) => {
    const ids = given.split(',');
    return ids.length <= IDS_LIMIT && ids.every((id) => /^[\w-]{1,64}$/.test(id)) ? ids : undefined;
  },
};

const acting = <P extends Parameters>(summary: string, body: P) => ({
  tags: ['decisions' satisfies keyof typeof TAGS],
  summary,
  body: schemaOf(body),
  response: { 200: DECISIONS, 400: Fault, 403: Fault, 404: Fault, 503: Fault },
});

/** Blocks, allows or silences. */
export const DECIDE = {
  schema: {
    ...acting('Blocks an address, allows one, or silences incidents of a host, a source or a rule', decision),
    response: { 200: DECIDED, 400: Fault, 403: Fault, 404: Fault, 429: Fault, 503: Fault },
  },
};

/** Ends what was decided. */
export const UNDO = {
  schema: {
    ...acting('Ends a decision', { why, by }),
    params: schemaOf({ id: required('Its id', wholeNumber(1, Number.MAX_SAFE_INTEGER)) }),
  },
};

/** Notes who takes care of many incidents at once. */
export const ACKNOWLEDGE_MANY = {
  schema: {
    ...acting('Notes who takes care of many incidents at once', { ids: required('Which', alertIds), by }),
    response: { 200: object({ acknowledged: integer() }), 400: Fault, 403: Fault, 503: Fault },
  },
};
