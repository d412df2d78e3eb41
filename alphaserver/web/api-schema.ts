/**
 * The API described once: what each route takes and what it answers. From it come the check of parameters and bodies, the
 * way answers are written, the document at /api/docs, and the types of handlers and of the page. Pure.
 *
 * The rows of answers are described where they are made: queries/results.ts and queries/alert-results.ts.
 */
import { isHostName } from '../../protocol/values.ts';
import { readNetwork, sourceOf } from '../../service/ip-network.ts';
import {
  flag,
  integer,
  list,
  object,
  oneOf,
  orNull,
  type TProperties,
  type TSchema,
  text,
} from '../../service/schema.ts';
import { textOf, time, truth, type ValueParser, wholeNumber, wordOf } from '../../service/value-parser.ts';
import { BLOCKLIST_FORMATS } from '../alerting/blocklist.ts';
import { Alert, AlertDetail, AsOf, FleetState } from '../queries/alert-results.ts';
import { DecisionEntry } from '../queries/decisions.ts';
import { type KeyCursor, KeyDetail, LoginKey } from '../queries/key-results.ts';
import {
  Activity,
  COVERAGES,
  CoverageCounts,
  type EventCursor,
  FleetShape,
  KnownGap,
  LedgerEntry,
  LedgerTotals,
  ListedEvent,
  LoginSession,
  NetworkRanking,
  Origin,
  RankCounts,
  SourceRank,
  type SpanQuery,
  SpanSummary,
  TimelineSteps,
  time as timeSchema,
  WatchedHost,
} from '../queries/results.ts';
import { fingerprintOf } from '../store/fingerprint.ts';
import {
  type Parameter,
  type Parameters,
  parameter,
  required,
  schemaOf,
  TEXT_LIMIT,
  withDefault,
} from './parameters.ts';

/** The length of every list: unless `limit` says otherwise, and at most. */
export const LIMIT_DEFAULT = 100;
export const LIMIT_MOST = 1_000;
/** The longest name of who takes care of an alert, in UTF-16 units. */
export const NAME_LIMIT = 100;

/** Takes an address, in one form for all its spellings, or a network, of which an address may be given. */
export const source: ValueParser<string> = {
  valid:
    'an address such as 203.0.113.7, or a network such as 203.0.113.0/24 or 2001:db8::/32 (IPv4 from /8, IPv6 from /16)',
  parse: (given) => {
    const [, address = '', scope = '', bits] = /^([^%/]+)(%[\w.-]{1,32})?(\/\d{1,3})?$/.exec(given) ?? [];
    const network = bits === undefined ? null : readNetwork(address + bits);
    // A network of one address is that address.
    const isWide = network !== null && network.bits < (network.version === 4 ? 32 : 128);
    if (bits !== undefined && network === null) return undefined;
    if (isWide) return network.text;
    const found = sourceOf(address, 128);
    return found === null ? undefined : found + scope;
  },
};

/** Takes a key's fingerprint as sshd logs it: 43 characters of base64, or up to 6.7 the 16 bytes of MD5. */
const fingerprint: ValueParser<string> = {
  valid: "a key's fingerprint such as SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
  parse: (given) => (fingerprintOf(given) === given ? given : undefined),
};

/** sshd's authentication methods (RFC 4252, RFC 4256, RFC 4462), with a submethod where it names one; others have an @. */
const METHOD =
  /^(none|password|publickey|hostbased|keyboard-interactive|gssapi-with-mic|gssapi-keyex|[\w.-]{1,32}@[\w.-]{1,32})(\/[\w-]{1,32})?$/;
const method: ValueParser<string> = {
  valid: "one of sshd's methods such as password, publickey or keyboard-interactive/pam",
  parse: (given) => (METHOD.test(given) ? given : undefined),
};

/** Takes a cursor of the form that an answer's `next` had. */
const cursorOf = <T>(read: (text: string) => T | undefined): Parameter<T | null> =>
  parameter('Where to go on', { valid: "what an earlier answer's next gave", parse: read });

const limit = withDefault('Rows at most', wholeNumber(1, LIMIT_MOST), LIMIT_DEFAULT);
const span = {
  since: parameter('Only from then on', time),
  until: parameter('Only before then', time),
};
const filter = {
  host: parameter('Only this host', textOf(TEXT_LIMIT)),
  ip: parameter('Only this source', source),
  user: parameter('Only this user name', textOf(TEXT_LIMIT)),
  outcome: parameter('Only this outcome', wordOf(['accepted', 'failed', 'probe'])),
  method: parameter('Only this authentication method', method),
};
/** The parameters of a list that is CSV on request. */
const csv = {
  limit: parameter(
    `Rows at most; ${LIMIT_DEFAULT} unless given, and all there are with format=csv`,
    wholeNumber(1, LIMIT_MOST),
  ),
  format: withDefault(
    'csv: the same rows for a spreadsheet, characters that do not show escaped, formulas quoted; with a limit the next page in the Link header',
    wordOf(['json', 'csv']),
    'json',
  ),
  bom: parameter('With format=csv: begins with a byte order mark, by which Excel knows UTF-8', wordOf(['1'])),
};
/** Pages of lists by the number of a row. */
const paged = {
  limit,
  cursor: cursorOf((given) => (/^\d{1,15}$/.test(given) ? Number(given) : undefined)),
};

const eventCursorIn = (given: string): EventCursor | undefined => {
  const match = /^(-?\d{1,16})\.(\d{1,15})$/.exec(given);
  return match ? { atMs: Number(match[1]), id: Number(match[2]) } : undefined;
};
const keyCursorIn = (given: string): KeyCursor | undefined => {
  const match = /^(-?\d{1,16})\.(.{1,100})$/.exec(given);
  return match && fingerprintOf(match[2]) === match[2]
    ? { atMs: Number(match[1]), fingerprint: match[2] as string }
    : undefined;
};
const ALERT_CURSOR = /^-?\d{1,16}\.[a-z0-9-]{1,64}$/;

/** The span from `since` to `until`, infinite where they are not given. */
export const spanOf = ({ since, until }: { since: number | null; until: number | null }): SpanQuery => ({
  from: since ?? Number.NEGATIVE_INFINITY,
  to: until ?? Number.POSITIVE_INFINITY,
});

/** The groups of routes in the document. */
export const TAGS = {
  state: 'Is anything wrong',
  events: 'What happened',
  coverage: 'What is watched, and what is missing',
  decisions: 'What people decided',
  operations: 'For other programs',
} as const;
type Tag = keyof typeof TAGS;

export const Fault = object({ error: text(), message: text() });

/** The schema of a route: what it is for in a sentence, the parameters it takes, and what it answers. */
export const route = <P extends Parameters, A extends TSchema, F extends object>(
  ...[tag, summary, parameters, answer, faults]: [Tag, string, P, A, F?]
) => ({
  schema: {
    tags: [tag],
    summary,
    querystring: schemaOf(parameters),
    response: { 200: answer, 400: Fault, 404: Fault, 503: Fault, ...faults },
  },
});

/** The state of the fleet, and how far it can be vouched for. */
const Vouched = {
  state: FleetState,
  why: orNull(text({ description: 'Why the state is unknown; else null' })),
  doubt: orNull(text({ description: 'What is wrong with the server itself; null where nothing is' })),
  asOf: AsOf,
};

/** Adds the id in the path to a route's schema. */
const ofOne = <S extends object>({ schema }: { schema: S }) => ({
  schema: { ...schema, params: schemaOf({ id: required('Its id', textOf(TEXT_LIMIT)) }) },
});

/** Adds a key's fingerprint in the path to a route's schema. */
const keyRoute = <S extends object>({ schema }: { schema: S }) => ({
  schema: { ...schema, params: schemaOf({ fingerprint: required('Its fingerprint', fingerprint) }) },
});

/** An answer that is a list, and the cursor of its next page. */
const page = <P extends TProperties>(rows: P) =>
  object({ ...rows, next: orNull(text({ description: 'The cursor of the next page, null on the last' })) });

/** The schema of a page about one thing, which is named in the path. */
const about = <P extends Parameters, Q extends Parameters, O extends TProperties>(
  tag: Tag,
  summary: string,
  params: P,
  query: Q,
  own: O,
) => {
  const { schema } = route(tag, summary, query, object({ ...own, ...Activity.properties, incidents: list(Alert) }));
  return { schema: { ...schema, params: schemaOf(params) } };
};

/** Agents and attackers may choose the names `.` and `..`, which clients take out of a path as steps (WHATWG URL), encoded or not. */
const nameBeside = {
  name: parameter('The name in place of the one in the path, which cannot be . or ..', textOf(TEXT_LIMIT)),
};

/** A way to notify people. */
export const ChannelState = object({
  name: text(),
  kind: text(),
  waiting: integer({ description: 'Incidents that it has still to be notified of' }),
  fault: orNull(text({ description: 'Why nothing is delivered at the moment' })),
  faultAt: orNull(timeSchema),
  deliveredAt: orNull(timeSchema),
  delivered: integer(),
  failed: integer(),
});

/** A page of decisions. */
export const DECISIONS = page({ decisions: list(DecisionEntry) });
/** The same after one was taken, which others that were taken at the same time may stand before. */
export const DECIDED = page({
  decisions: list(DecisionEntry),
  made: orNull(DecisionEntry),
});

const error = integer({ description: 'Each count may be too low by this many at most; 0 while all values are kept' });
const ranked = { ...span, limit };

/** Every route of the API that answers in JSON. */
export const API = {
  summary: route(
    'state',
    'The answer: is anything wrong, and how much happened',
    span,
    object({ ...Vouched, because: list(Alert), coverage: CoverageCounts, ...SpanSummary.properties }),
    { 503: object({ ...Fault.properties, ...Vouched, because: list(Alert) }) },
  ),
  alerts: route(
    'state',
    'Incidents, newest first',
    {
      open: parameter('Only open ones, or only closed ones', truth),
      since: parameter('Only those whose last event was then or later', time),
      limit,
      cursor: cursorOf((given) => (ALERT_CURSOR.test(given) ? given : undefined)),
    },
    page({ alerts: list(Alert) }),
  ),
  alert: ofOne(route('state', 'One incident, with what it touched and its evidence', {}, AlertDetail)),
  channels: route('state', 'Ways to notify people, and how they fare', {}, object({ channels: list(ChannelState) })),

  decisions: route(
    'decisions',
    'What people decided, newest first',
    { ...paged, holds: parameter('Only blocks, allowances and silences that hold now', wordOf(['true'])) },
    DECISIONS,
  ),

  events: route(
    'events',
    'Attempts and probes by the time they happened, newest first',
    {
      ...filter,
      ...span,
      cursor: cursorOf(eventCursorIn),
      ...csv,
    },
    page({ events: list(ListedEvent) }),
  ),
  sessions: route(
    'events',
    'Sessions by when they began, newest first: who is in now, and who was',
    {
      open: parameter('Only those without an end, or only those with one', truth),
      host: filter.host,
      user: filter.user,
      ip: filter.ip,
      key: parameter('Only logins with this key', fingerprint),
      since: parameter('Only those that were open then or later', time),
      until: parameter('Only those that began before then', time),
      cursor: cursorOf(eventCursorIn),
      ...csv,
    },
    page({ sessions: list(LoginSession) }),
  ),
  keys: route(
    'events',
    'Keys by their fingerprint, those used last first: who used each, where and from where',
    {
      user: parameter('Only keys that this user used', textOf(TEXT_LIMIT)),
      host: parameter('Only keys that were used on this host', textOf(TEXT_LIMIT)),
      unused: parameter('Only keys that were not used since then', time),
      cursor: cursorOf(keyCursorIn),
      ...csv,
    },
    page({ keys: list(LoginKey) }),
  ),
  key: keyRoute(route('events', 'What is known of one key', {}, KeyDetail)),
  timeline: route(
    'events',
    'Counts in steps of time, empty ones too',
    { ...span, step: parameter('The length of a step', wordOf(['60s', '1h', '1d'])), host: filter.host },
    TimelineSteps,
  ),
  topHosts: route(
    'events',
    'Hosts, most attempts first',
    ranked,
    object({ hosts: list(object({ host: text(), ...RankCounts.properties })), error }),
  ),
  topSources: route('events', 'Sources, most attempts first', ranked, object({ sources: list(SourceRank), error })),
  topNetworks: route('events', 'Sources by IPv6 network of 64 bits, most attempts first', ranked, NetworkRanking),
  topUsers: route(
    'events',
    'User names, most attempts first',
    ranked,
    object({ users: list(object({ user: text(), ...RankCounts.properties })), error }),
  ),

  hosts: route(
    'coverage',
    'Hosts by name, and whether they are watched',
    {
      coverage: parameter('Only those that are watched this well', wordOf(COVERAGES)),
      limit,
      cursor: cursorOf((given) => (isHostName(given) ? given : undefined)),
    },
    page({ hosts: list(WatchedHost) }),
  ),
  host: about('coverage', 'What is known of one host', { name: required('Its name', textOf(TEXT_LIMIT)) }, nameBeside, {
    host: text(),
    watched: orNull(WatchedHost),
  }),
  source: about(
    'events',
    'What is known of one source',
    { ip: required('An address, or a network', source) },
    {},
    {
      ip: text(),
      origin: orNull(Origin),
    },
  ),
  user: about('events', 'What is known of one user', { name: required('The name', textOf(TEXT_LIMIT)) }, nameBeside, {
    user: text(),
  }),
  ledger: route(
    'coverage',
    'What each agent sent and what became of it: sent = stored + gaps + waiting',
    paged,
    page({ agents: list(LedgerEntry), totals: LedgerTotals }),
  ),
  unknown: route(
    'coverage',
    'Shapes of log lines that are not understood, most frequent first',
    { limit, host: filter.host },
    object({ shapes: list(FleetShape) }),
  ),
  gaps: route(
    'coverage',
    'What is missing: parts of logs that could not be read, events that never came; newest first',
    { ...paged, host: filter.host },
    page({ gaps: list(KnownGap) }),
  ),
} as const;

/** The list for firewalls, which is no JSON. */
export const BLOCKLIST = {
  schema: {
    tags: ['operations' satisfies Tag],
    summary:
      'Addresses under an active attack alert: one a line, as files for nftables and ipset, or as JSON with who says so',
    produces: ['text/plain', 'application/json'],
    querystring: schemaOf({
      format: withDefault('The form of the list', wordOf(BLOCKLIST_FORMATS), 'plain'),
      private: withDefault('Also private and loopback addresses', truth, false),
    }),
  },
};

/** The live stream, which is no JSON. */
export const STREAM = {
  schema: {
    tags: ['events' satisfies Tag],
    summary:
      'Server-sent events: `event` for each stored one, `alert`, `gap`, `session`, and a `heartbeat` every 4 s, the first with the `newest` id where one server stores; Last-Event-ID goes on after an id, and from now on after one above that',
    querystring: schemaOf(filter),
  },
};

/** The schema of a route that answers with a stream, or with something else than the API's JSON. */
export const described = (tag: Tag, summary: string) => ({ schema: { tags: [tag], summary } });

/** The name of the person who decides. */
export const by = parameter('Who decides; where users log in it is who is logged in', {
  valid: `a name of 1 to ${NAME_LIMIT} characters`,
  parse: (given) => {
    const name = given.trim();
    return name === '' || name.length > NAME_LIMIT ? undefined : name;
  },
});

/** The ends of the server's certificates. */
export const CERTIFICATES = route(
  'operations',
  "When the server's certificates expire",
  {},
  object({
    certificates: list(
      object({
        use: oneOf(['agents', 'page', 'authority'], {
          description: 'Who sees it; the authority is that of certs init',
        }),
        expiresAt: text({ format: 'date-time' }),
        expiresSoon: flag({ description: 'True from 30 days before' }),
      }),
    ),
  }),
);

/** Notes who takes care of an incident; the first one stays. */
export const ACKNOWLEDGE = {
  schema: {
    ...API.alert.schema,
    summary: 'Notes who takes care of an incident; the first one stays',
    body: schemaOf({ by }),
    response: { ...API.alert.schema.response, 403: Fault },
  },
};
