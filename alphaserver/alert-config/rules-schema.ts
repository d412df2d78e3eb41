/** Describes the rules file, once: its check, its types and docs/rules.schema.json come from here. */
import {
  flag,
  integer,
  list,
  object,
  oneOf,
  optional,
  record,
  type Static,
  tagged,
  text,
} from '../../service/schema.ts';
import { ATTACK_RULES, COUNT_LIMIT, type Rule, SEVERITIES } from './rules.ts';

/** No object takes a property that it does not name: a misspelt one is a mistake. */
const CLOSED = { additionalProperties: false };
const NO_LINE_END = '^[^\\r\\n]*$';
/** A fingerprint as `ssh-keygen -l` prints it. */
const FINGERPRINT = '^(SHA256:[A-Za-z0-9+/]{43}|MD5(:[0-9a-f]{2}){16})$';
const HTTP_URL = '^https?://[^\\s]+$';
const MAIL_ADDRESS = '^[^\\s@<>,;"]+@[^\\s@<>,;"]+$';

const span = (description = 'A span of time: 90s, 15m, 24h, 7d.') =>
  optional(text({ pattern: '^[1-9][0-9]{0,8}[smhdw]$', description }));
const severity = (keywords = {}) => optional(oneOf(SEVERITIES, keywords));
const secret = (maxLength: number) => text({ minLength: 1, maxLength, pattern: NO_LINE_END });
const url = (keywords = {}) => text({ pattern: HTTP_URL, maxLength: 2_048, ...keywords });
const timeOfDay = text({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' });

const NUMBERS = {
  count: optional(integer({ minimum: 1, maximum: COUNT_LIMIT })),
  window: span(),
};

/** Describes one rule's settings; `settable` are the numbers that the rule has. */
function rule(description: string, ...settable: readonly (keyof typeof NUMBERS)[]) {
  const { count, window } = NUMBERS;
  const all = object(
    {
      on: optional(flag({ default: true })),
      severity: severity(),
      channels: optional(
        list(text({ minLength: 1, maxLength: 64 }), {
          uniqueItems: true,
          maxItems: 50,
          description: 'Names of channels; all of them unless given, none when empty.',
        }),
      ),
      count,
      window,
    },
    { description, ...CLOSED },
  );
  const properties = Object.entries(all.properties).filter(
    ([name]) => !(name in NUMBERS) || settable.includes(name as keyof typeof NUMBERS),
  );
  return optional({ ...all, properties: Object.fromEntries(properties) } as typeof all);
}

const RULE_SETTINGS = {
  'brute-force': rule('10 tries of one source on one host in 60 s.', 'count', 'window'),
  'slow-brute-force': rule('30 tries of one source on one host in 24 h, without brute-force.', 'count', 'window'),
  'fleet-scan': rule('Tries of one source on 5 hosts in 1 h.', 'count', 'window'),
  'user-enumeration': rule('One source tries 10 different users in 10 min.', 'count', 'window'),
  distributed: rule('Tries for one user from 10 sources in 1 h.', 'count', 'window'),
  'break-in': rule(
    'A success of a source with 5 tries anywhere in the 24 h before; a warning at most where it is by key and the tries were probes alone.',
    'count',
    'window',
  ),
  'first-seen-source': rule(
    'A user logs in from an address never seen for it, after 3 successes (count) or a week (window).',
    'count',
    'window',
  ),
  'root-password': rule('Root gets in by password.'),
  'password-on-key-host': rule(
    'A password success on a host whose last 20 successes (count) were all by key.',
    'count',
  ),
  decoy: rule('A user name or a key that "decoys" names is used.'),
  'sshd-crash': rule('sshd says that a process of it crashed, or penalises an address for it.'),
  'dormant-key': rule('A login by a key that was not used on that host for 90 days (window).', 'window'),
  'agent-silent': rule('The agent says nothing for 90 s (window).', 'window'),
  'log-gone': rule("The agent's log is gone for 5 min (window).", 'window'),
  'unknown-lines': rule('Lines not understood pass 20 (count) in 1 h (window).', 'count', 'window'),
  'events-lost': rule('A gap in the ledger.'),
  clone: rule('One identity is used by two agents at once.'),
  'unlogged-session': rule(
    "An established connection to sshd, older than sshd's LoginGraceTime and a minute, that no login in the log explains.",
  ),
} satisfies Record<Rule, unknown>;

/** The settings that every channel takes. */
const common = {
  severity: severity({ description: 'The least severity it is notified of; notice unless given.' }),
  resolved: optional(flag({ default: true, description: 'Whether it is notified that an incident is over.' })),
  report: optional(
    flag({
      description:
        'Whether it gets the reports of ALPHASERVER_REPORT; unless given, where its severity is notice. Never for pagerduty and alertmanager.',
    }),
  ),
};

const channel = tagged('type', [
  object({ type: oneOf(['webhook']), ...common, url: url(), secret: optional(secret(1_024)) }, CLOSED),
  object({ type: oneOf(['slack']), ...common, url: url() }, CLOSED),
  object({ type: oneOf(['discord']), ...common, url: url() }, CLOSED),
  object({ type: oneOf(['teams']), ...common, url: url() }, CLOSED),
  object(
    {
      type: oneOf(['ntfy']),
      ...common,
      url: url({ description: 'With the topic: https://ntfy.example/alerts.' }),
      token: optional(secret(1_024)),
    },
    CLOSED,
  ),
  object(
    {
      type: oneOf(['pagerduty']),
      ...common,
      routingKey: secret(256),
      url: optional(url({ description: 'Where events go, unless https://events.pagerduty.com/v2/enqueue.' })),
    },
    CLOSED,
  ),
  object(
    {
      type: oneOf(['alertmanager']),
      ...common,
      url: url({ description: "Alertmanager's own address; /api/v2/alerts is added." }),
      password: optional(secret(1_024)),
      user: optional(secret(256)),
    },
    CLOSED,
  ),
  object(
    {
      type: oneOf(['email']),
      ...common,
      server: text({
        pattern: '^smtps?://[^\\s]+$',
        maxLength: 2_048,
        description: 'smtp://user:password@mail.example:587 or smtps://.',
      }),
      allowPlain: optional(
        flag({
          default: false,
          description: 'Whether the password may be sent to a server without TLS; to loopback it always is.',
        }),
      ),
      from: text({ pattern: MAIL_ADDRESS, maxLength: 254 }),
      to: list(text({ pattern: MAIL_ADDRESS, maxLength: 254 }), { minItems: 1, maxItems: 50 }),
    },
    CLOSED,
  ),
]);

/** The values that the `type` of a channel may have. */
export const CHANNEL_TYPES: readonly string[] = channel.oneOf.map(({ properties }) => properties.type.enum[0]);

/** The rules file. */
export const RULES_FILE = object(
  {
    $schema: optional(text()),
    rules: optional(object(RULE_SETTINGS, CLOSED)),
    quiet: span('How long a source must be quiet for its incident to close; 15m unless given.'),
    ipv6Prefix: optional(
      integer({
        minimum: 32,
        maximum: 128,
        description: 'IPv6 addresses with this many bits in common are one source; 64 unless given.',
      }),
    ),
    allow: optional(
      object(
        {
          addresses: optional(
            list(text({ maxLength: 64 }), {
              maxItems: 10_000,
              description:
                'Addresses and networks (192.0.2.0/24, 2001:db8::/32) whose events no rule gets and that are never blocked.',
            }),
          ),
          users: optional(
            list(text({ minLength: 1, maxLength: 256 }), {
              maxItems: 10_000,
              description: 'Users whose events no rule gets.',
            }),
          ),
        },
        CLOSED,
      ),
    ),
    decoys: optional(
      object(
        {
          users: optional(
            list(text({ minLength: 1, maxLength: 64 }), {
              maxItems: 1_000,
              description: 'User names that nobody has: whoever tries one raises decoy.',
            }),
          ),
          keys: optional(
            list(text({ pattern: FINGERPRINT }), {
              maxItems: 1_000,
              description: 'Fingerprints (SHA256:...) of keys that nobody uses: whoever does raises decoy.',
            }),
          ),
        },
        CLOSED,
      ),
    ),
    late: optional(
      object(
        {
          after: span('An event stored this long after it happened is late; 10m unless given.'),
          tell: optional(flag({ default: false, description: 'Whether channels are notified of late incidents.' })),
        },
        CLOSED,
      ),
    ),
    quietHours: optional(
      object(
        {
          from: timeOfDay,
          until: timeOfDay,
          timeZone: optional(text({ maxLength: 64, description: 'Such as Europe/Berlin; UTC unless given.' })),
          severity: severity({
            description:
              'The least severity that is notified in spite of the hour; critical unless given. The rest follows when the quiet hours end.',
          }),
        },
        CLOSED,
      ),
    ),
    channels: optional(record(channel, { maxProperties: 50, propertyNames: { pattern: '^[A-Za-z0-9_-]{1,64}$' } })),
    grouping: optional(
      object(
        {
          wait: span('How long the first incident waits for others to share its message; 1s unless given.'),
          every: span('The least time between two messages of a channel; 30s unless given.'),
        },
        CLOSED,
      ),
    ),
    blocklist: optional(
      object(
        {
          rules: optional(
            list(oneOf(ATTACK_RULES), {
              uniqueItems: true,
              description:
                'Rules whose open incidents put their source on the list; all of these but distributed unless given.',
            }),
          ),
          forgeable: optional(
            flag({
              default: false,
              description:
                'Whether addresses are listed that only logs name which a client can write to, or of which that is not known.',
            }),
          ),
        },
        CLOSED,
      ),
    ),
    page: optional(url({ description: "The page's address as people reach it; messages link to it." })),
  },
  {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: "Asgard's alert rules",
    description: 'The file that ALPHASERVER_RULES names. Everything may be left out; comments are allowed.',
    ...CLOSED,
  },
);

/** A rules file's content, as it is written. */
export type RulesFile = Static<typeof RULES_FILE>;

type ChannelEntry = Static<typeof channel>;
/** A channel with its defaults filled in: one of several, distinguished by `type`. */
export type Channel<Entry = ChannelEntry> = Entry extends ChannelEntry
  ? Entry & Required<Pick<Entry, 'severity' | 'resolved'>>
  : never;
