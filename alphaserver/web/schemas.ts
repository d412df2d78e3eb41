/** The API's answers and parameters as JSON schema: what fastify writes answers by, and what /api/docs shows. Pure. */

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const number: Schema = { type: 'integer' };
const time: Schema = { type: 'string', description: 'ISO 8601 in UTC' };
const flag: Schema = { type: 'boolean' };
const orNull = (schema: Schema): Schema => ({ ...schema, nullable: true });
const list = (items: Schema): Schema => ({ type: 'array', items });
/** An object with these properties, all of them there. */
export const object = (properties: Readonly<Record<string, Schema>>): Schema => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
});

const counts = { attempts: number, accepted: number, failed: number, probes: number };
const next = orNull({ type: 'string', description: 'The cursor of the next page, null on the last' });
const origin = orNull(
  object({ country: orNull(text), network: orNull(text), asn: orNull(number), organization: orNull(text) }),
);

const event = object({
  id: number,
  at: time,
  storedAt: time,
  agent: text,
  host: text,
  outcome: { type: 'string', enum: ['accepted', 'failed', 'probe'] },
  method: orNull(text),
  user: orNull(text),
  invalidUser: orNull(flag),
  ip: orNull(text),
  port: orNull(number),
  key: orNull(text),
  reason: orNull(text),
  seq: orNull(number),
  trust: { ...orNull(text), enum: ['journal', 'syslog', 'forgeable', null] },
  pid: orNull(number),
});
const withOrigin = (schema: Schema): Schema => ({
  ...schema,
  properties: {
    ...(schema['properties'] as object),
    origin: { ...origin, description: 'Where the source is; only with ALPHASERVER_GEOIP' },
  },
});

const alert: Schema = object({
  id: text,
  rule: text,
  severity: { type: 'string', enum: ['critical', 'warning', 'notice'] },
  host: orNull(text),
  source: orNull(text),
  user: orNull(text),
  openedAt: time,
  lastAt: time,
  closedAt: orNull(time),
  count: number,
  summary: text,
  evidence: list(number),
  late: { type: 'boolean', description: 'All that happened in it came long after it happened' },
  partOf: orNull({ type: 'string', description: 'The scan that it is a part of' }),
  acknowledgedAt: orNull(time),
  acknowledgedBy: orNull(text),
});

const ledger = {
  sent: number,
  stored: number,
  repeats: number,
  gaps: number,
  waiting: number,
  declaredLost: number,
  linesRead: number,
  linesUnknown: number,
  linesForged: number,
};
const rank = { ...counts, firstSeen: time, lastSeen: time };
const error: Schema = {
  type: 'integer',
  description: 'Each count may be too low by this many at most; 0 while all values are kept',
};

/** The answers. */
export const ANSWERS = {
  hosts: object({
    hosts: list(object({ host: text, connected: flag, state: text, firstSeen: time, lastSeen: time, ...counts })),
    next,
  }),
  events: object({ events: list(withOrigin(event)), next }),
  summary: object({
    state: { type: 'string', enum: ['quiet', 'attack', 'breach'] },
    because: list(alert),
    ...counts,
    hosts: number,
    sources: number,
    users: number,
  }),
  timeline: object({
    step: { type: 'integer', description: 'Seconds' },
    points: list(object({ at: time, accepted: number, failed: number, probes: number })),
  }),
  topHosts: object({ hosts: list(object({ host: text, ...rank })), error }),
  topSources: object({
    sources: list(withOrigin(object({ ip: text, ...rank, hosts: number, users: number }))),
    error,
  }),
  topUsers: object({ users: list(object({ user: text, ...rank })), error }),
  alerts: object({ alerts: list(alert), next }),
  alert: object({
    ...(alert['properties'] as Record<string, Schema>),
    hosts: list(text),
    users: list(text),
    sources: list(text),
    more: { type: 'boolean', description: 'More were touched than are named' },
    parts: { ...list(alert), description: 'Incidents that are a part of this scan' },
    events: { ...list(withOrigin(event)), description: 'Its evidence, oldest first, as far as it is still stored' },
  }),
  ledger: object({
    agents: list(object({ agent: text, host: text, connected: flag, state: text, lastSeq: number, ...ledger })),
    totals: object({
      agents: number,
      ...ledger,
      behindBytes: number,
      states: { type: 'object', additionalProperties: number },
    }),
    next,
  }),
  channels: object({
    channels: list(
      object({
        name: text,
        kind: text,
        waiting: number,
        fault: orNull({ type: 'string', description: 'Why nothing is delivered at the moment' }),
        faultAt: orNull(time),
        deliveredAt: orNull(time),
        delivered: number,
        failed: number,
      }),
    ),
  }),
  unknown: object({
    shapes: list(
      object({
        shape: text,
        count: number,
        agents: number,
        hosts: list(text),
        sample: text,
        firstAt: orNull(time),
        lastAt: orNull(time),
      }),
    ),
  }),
  gaps: object({
    gaps: list(
      object({
        id: number,
        agent: text,
        host: text,
        at: time,
        kind: { type: 'string', description: 'rotated-away, suppressed, unreadable, or missing-events' },
        text,
        bytes: orNull(number),
        lines: orNull(number),
        events: orNull(number),
      }),
    ),
    next,
  }),
} as const;

const FAULT = object({ error: text, message: text });

/** Every parameter there is; a route names those it takes. */
const PARAMETERS = {
  since: { type: 'string', description: 'From here on: ISO 8601, or a span back from now such as 15m, 24h, 7d' },
  until: { type: 'string', description: 'Up to here, itself left out: as since' },
  limit: { type: 'integer', minimum: 1, maximum: 1_000, default: 100 },
  cursor: { type: 'string', description: "An earlier answer's next" },
  host: { type: 'string', description: 'Only this host' },
  ip: { type: 'string', description: 'Only this source address, or all of an IPv6 network such as 2001:db8:1:2::/64' },
  user: { type: 'string', description: 'Only this user name' },
  outcome: { type: 'string', enum: ['accepted', 'failed', 'probe'] },
  method: { type: 'string', description: 'Only this authentication method, such as password' },
  step: { type: 'string', enum: ['60s', '1h', '1d'] },
  format: {
    type: 'string',
    enum: ['json', 'csv'],
    default: 'json',
    description:
      "csv: the same rows for a spreadsheet; what does not show is written out (\\x1b), a ' stands before what would be a formula; the next page is in the Link header",
  },
  open: { type: 'boolean', description: 'Only open alerts, or only closed ones' },
} as const;
/** The name of one of PARAMETERS. */
export type ParameterName = keyof typeof PARAMETERS;

/** A route's schema: what it does in a sentence, the parameters it takes, what it answers. */
export function route(summary: string, names: readonly ParameterName[], answer: Schema): { schema: Schema } {
  const querystring = {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, PARAMETERS[name]])),
  };
  return { schema: { summary, querystring, response: { 200: answer, 400: FAULT, 503: FAULT } } };
}

/** The schema of a route that answers with a stream or a health check: what it does, and nothing that is checked. */
export const described = (summary: string): { schema: Schema } => ({ schema: { summary } });

/** The schema of a route for one thing by its id, with the body it takes, if any. */
export function routeOfOne(summary: string, answer: Schema, body?: Schema): { schema: Schema } {
  const params = { type: 'object', properties: { id: text } };
  const response = { 200: answer, 400: FAULT, 404: FAULT, ...(body ? { 403: FAULT } : {}) };
  return { schema: { summary, params, ...(body ? { body } : {}), response } };
}
