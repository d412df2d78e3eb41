/** Reads the file that ALPHASERVER_RULES names, checks it against the published schema and makes settings of it. */
import { readFileSync } from 'node:fs';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { escapeText } from '../../service/escape.ts';
import { addNetwork, networks } from '../../service/ip-network.ts';
import { isTimeZone } from '../../service/time-zone.ts';
import { UserError } from '../../service/user-error.ts';
import { readSpan } from '../../service/value-parser.ts';
import { JsonError, JsonText, type Place } from './json-text.ts';
import { COUNT_LIMIT, DORMANT_LIMIT_MS, RULES, type Rule, type RuleConfig, WINDOW_LIMIT_MS } from './rules.ts';
import { CHANNEL_TYPES, type Channel, RULES_FILE, type RulesFile } from './rules-schema.ts';
import { type AlertSettings, DEFAULT_SETTINGS, withWebhook } from './settings.ts';

/** The largest rules file, in bytes. */
export const FILE_LIMIT_BYTES = 4 * 1_048_576;

/** The longest windows of rules that remember for longer than those of attacks. */
const LONGEST_WINDOWS: Partial<Record<Rule, { readonly ms: number; readonly words: string }>> = {
  'first-seen-source': { ms: Number.POSITIVE_INFINITY, words: '' },
  'dormant-key': { ms: DORMANT_LIMIT_MS, words: '1825d' },
};

/** The file cannot be used: one line, escaped, with the file, the place and what would be valid. */
export class RulesError extends UserError {
  readonly code = 'rules';

  constructor(message: string, options?: ErrorOptions) {
    super(escapeText(message), 2, options);
  }
}

/** Returns the settings of a rules file (null: none) and ALPHASERVER_WEBHOOK (null: none) together. Throws a RulesError. */
export function alertSettings(rulesFile: string | null, webhook: string | null): AlertSettings {
  return withWebhook(rulesFile === null ? DEFAULT_SETTINGS : readRulesFile(rulesFile), webhook);
}

/** Reads a rules file. Throws a RulesError. */
export function readRulesFile(file: string): AlertSettings {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new RulesError(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  if (bytes.length > FILE_LIMIT_BYTES) throw new RulesError(`${file} is larger than ${FILE_LIMIT_BYTES} bytes`);
  return settingsIn(bytes.toString(), file);
}

/** Compiles the check of a rules file against the schema. */
export const compileRulesCheck = () =>
  new Ajv2020({ discriminator: true, strict: true, strictRequired: false }).compile<RulesFile>(RULES_FILE);

/**
 * Returns the settings in a rules file's text; `file` is its name for messages. Throws a RulesError. The check is compiled only
 * when a file is read: it costs a server without one neither time nor memory.
 */
export function settingsIn(text: string, file: string, isValid = compileRulesCheck()): AlertSettings {
  const json = parsed(text.replace(/^\uFEFF/, ''), file);
  const fail = (path: readonly string[], fault: string): never => {
    const shown = path.length === 0 ? '' : `${path.join('.')} `;
    throw new RulesError(`${file}:${placed(json.placeOf(path))}: ${shown}${fault}`);
  };
  const given = json.value;
  if (isValid(given)) return settings(given, fail);
  const { path, fault } = faultOf((isValid.errors as ErrorObject[])[0] as ErrorObject);
  return fail(path, fault);
}

function parsed(text: string, file: string): JsonText {
  try {
    return new JsonText(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new RulesError(`${file}:${placed(error.place)}: this is no JSON: ${error.message}`, { cause: error });
  }
}

const placed = ({ line, column }: Place): string => `${line}:${column}`;

function faultOf({ instancePath, keyword, params, message }: ErrorObject): { path: string[]; fault: string } {
  const path = instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const extra = (params as { additionalProperty?: string }).additionalProperty;
  if (keyword === 'additionalProperties' && extra !== undefined)
    return { path: [...path, extra], fault: 'is no setting' };
  if (keyword === 'discriminator' && (params as { error?: string }).error === 'mapping')
    return { path: [...path, 'type'], fault: `must be one of ${CHANNEL_TYPES.join(', ')}` };
  const values = (params as { allowedValues?: unknown[] }).allowedValues;
  if (keyword === 'enum' && values) return { path, fault: `must be one of ${values.join(', ')}` };
  if (keyword === 'pattern' && String((params as { pattern: string }).pattern).includes('smhdw'))
    return { path, fault: 'must be a span of time such as 90s, 15m, 24h or 7d' };
  return { path, fault: message ?? 'is not valid' };
}

function settings(given: RulesFile, fail: (path: readonly string[], fault: string) => never): AlertSettings {
  const { detection } = DEFAULT_SETTINGS;
  const span = (text: string | undefined, fallback: number): number =>
    text === undefined ? fallback : (readSpan(text) ?? fallback);
  const channels = Object.fromEntries(
    Object.entries(given.channels ?? {}).map(([name, channel]) => [
      name,
      { ...channel, severity: channel.severity ?? 'notice', resolved: channel.resolved ?? true } as Channel,
    ]),
  );
  const rules = Object.fromEntries(
    RULES.map((rule): [Rule, RuleConfig] => {
      const { on, severity, count, window } = given.rules?.[rule] ?? {};
      const standard = detection.rules[rule];
      const windowMs = span(window, standard.windowMs);
      const { ms: longestMs, words } = LONGEST_WINDOWS[rule] ?? { ms: WINDOW_LIMIT_MS, words: '24h' };
      if (windowMs > longestMs)
        fail(['rules', rule, 'window'], `must be at most ${words}, which is how long the rules remember`);
      if (rule === 'break-in' && count !== undefined && count > 100)
        fail(['rules', rule, 'count'], `must be at most 100: so many failures are remembered of each source`);
      return [
        rule,
        {
          on: on ?? standard.on,
          severity: severity ?? standard.severity,
          count: Math.min(count ?? standard.count, COUNT_LIMIT),
          windowMs,
        },
      ];
    }),
  ) as Record<Rule, RuleConfig>;
  const routes = Object.fromEntries(
    RULES.map((rule) => {
      const names = given.rules?.[rule]?.channels;
      for (const [i, name] of (names ?? []).entries())
        if (!Object.hasOwn(channels, name))
          fail(['rules', rule, 'channels', String(i)], 'names a channel that "channels" does not have');
      return [rule, names ?? null];
    }),
  ) as Record<Rule, string[] | null>;
  // The address itself stays out of the message: it often is a secret.
  for (const [name, channel] of Object.entries(channels))
    for (const key of ['url', 'server'] as const)
      if (!isAddress((channel as { url?: string; server?: string })[key]))
        fail(['channels', name, key], 'is no address: percent-encode what is special in its user and password');
  const addresses = given.allow?.addresses ?? [];
  for (const [i, address] of addresses.entries())
    if (!addNetwork(networks([]), address))
      fail(['allow', 'addresses', String(i)], 'must be an address or a network such as 192.0.2.0/24');
  const zone = given.quietHours?.timeZone ?? 'UTC';
  if (!isTimeZone(zone)) fail(['quietHours', 'timeZone'], 'must be a time zone such as Europe/Berlin');
  const minute = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  return {
    detection: {
      rules,
      quietMs: span(given.quiet, detection.quietMs),
      ipv6Prefix: given.ipv6Prefix ?? detection.ipv6Prefix,
      lateAfterMs: span(given.late?.after, detection.lateAfterMs),
      decoys: { users: given.decoys?.users ?? [], keys: given.decoys?.keys ?? [] },
    },
    allow: { addresses, users: given.allow?.users ?? [] },
    notifyLate: given.late?.tell ?? false,
    quietHours: given.quietHours
      ? {
          fromMinute: minute(given.quietHours.from),
          untilMinute: minute(given.quietHours.until),
          timeZone: zone,
          severity: given.quietHours.severity ?? 'critical',
        }
      : null,
    channels,
    routes,
    groupWaitMs: span(given.grouping?.wait, DEFAULT_SETTINGS.groupWaitMs),
    groupEveryMs: span(given.grouping?.every, DEFAULT_SETTINGS.groupEveryMs),
    blocklistRules: given.blocklist?.rules ?? DEFAULT_SETTINGS.blocklistRules,
    blocksForgeable: given.blocklist?.forgeable ?? false,
    page: given.page?.replace(/\/+$/, '') ?? null,
    silences: [],
  };
}

/** True for an address that can be parsed, its escapes too, and for none. */
function isAddress(address: string | undefined): boolean {
  try {
    const { username, password } = new URL(address ?? 'http://none');
    return [username, password].map(decodeURIComponent).length > 0;
  } catch {
    return false;
  }
}
