/** The kinds of keys, and the rules of each. A rule that is off observes nothing. */

import type { DetectionConfig, EventRule } from '../alert-config/rules.ts';
import type { State } from './base-state.ts';
import { addFailure, type Failures, failuresBefore } from './failure-history.ts';
import type { Fold } from './keyed-state.ts';
import type { Seen } from './rule-event.ts';
import { endIfQuiet, extend, forget, freshWave, observe, type Threshold, type Wave } from './threshold-window.ts';

/**
 * Kinds of keys. `pair` is a source on a host; `target` a user name that was guessed, `user` one that got in: kept
 * apart so that made-up names cannot push out what is known of real people.
 */
export const KINDS = ['pair', 'source', 'target', 'user', 'host'] as const;
export type Kind = (typeof KINDS)[number];

/** Addresses remembered for one user; the one not used for longest goes first. */
export const ADDRESSES_PER_USER = 256;
/** Which kind of key each rule has. */
export const KIND_OF: Readonly<Record<EventRule, Kind>> = {
  'brute-force': 'pair',
  'slow-brute-force': 'pair',
  'root-password': 'pair',
  'fleet-scan': 'source',
  'user-enumeration': 'source',
  'break-in': 'source',
  distributed: 'target',
  'first-seen-source': 'user',
  'password-on-key-host': 'host',
};
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** A success by something typed: `password`, and `keyboard-interactive`, which is a password asked for by PAM. */
export const byPassword = ({ outcome, method }: Seen): boolean =>
  outcome === 'accepted' && (method === 'password' || (method?.startsWith('keyboard-interactive') ?? false));

type Fresh<M> = () => State<M>;
const fresh =
  <M>(rules: readonly EventRule[], memory: () => M): Fresh<M> =>
  () => ({ waves: rules.map(freshWave), memory: memory() });

/** What a rule wants of a wave. `at once` rules need no threshold: the first event that qualifies opens. */
function thresholdOf(config: DetectionConfig, rule: EventRule, kind: 'count' | 'distinct' | 'at once'): Threshold {
  const { count, windowMs } = config.rules[rule];
  const { quietMs } = config;
  if (kind === 'at once') return { count: 1, windowMs: 0, quietMs, distinct: false };
  return { count, windowMs, quietMs, distinct: kind === 'distinct' };
}

const nothingShared = { freshShared: () => null, share: () => {} };

/** brute-force, slow-brute-force and root-password. One host's events come in order, so the reach can be short. */
export function pairFold(config: DetectionConfig): Fold<null, null> {
  const rules = ['brute-force', 'slow-brute-force', 'root-password'] as const;
  const [fast, slow] = [thresholdOf(config, rules[0], 'count'), thresholdOf(config, rules[1], 'count')];
  const root = thresholdOf(config, rules[2], 'at once');
  const on = rules.map((rule) => config.rules[rule].on);
  return {
    rules,
    fresh: fresh(rules, () => null),
    copyMemory: () => null,
    ...nothingShared,
    step: ({ waves }, seen) => {
      const [brute, slower, rooted] = waves as [Wave, Wave, Wave];
      if (seen.outcome === 'failed') {
        if (on[0]) observe(brute, seen, '', fast);
        // What is brute force is not slow brute force as well.
        if (brute.open) forget(slower);
        else if (on[1]) observe(slower, seen, '', slow);
        endIfQuiet(slower, seen.at, config.quietMs);
      } else if (on[2] && seen.user === 'root' && byPassword(seen)) observe(rooted, seen, '', root);
    },
    reachMs: 10 * MINUTE_MS,
    reachEvents: 64,
  };
}

/** fleet-scan, user-enumeration and break-in. */
export function sourceFold(config: DetectionConfig): Fold<null, Failures> {
  const rules = ['fleet-scan', 'user-enumeration', 'break-in'] as const;
  const [hosts, users] = [thresholdOf(config, rules[0], 'distinct'), thresholdOf(config, rules[1], 'distinct')];
  const success = thresholdOf(config, rules[2], 'at once');
  const on = rules.map((rule) => config.rules[rule].on);
  const { count, windowMs } = config.rules['break-in'];
  return {
    rules,
    fresh: fresh(rules, () => null),
    copyMemory: () => null,
    freshShared: () => [],
    share: (failures, { outcome, happened, agent, id }) => {
      if (outcome === 'failed' && on[2]) addFailure(failures, [happened, agent, id], count);
    },
    step: ({ waves }, seen, failures) => {
      const [scan, enumeration, broken] = waves as [Wave, Wave, Wave];
      const { outcome, user, happened, agent, id } = seen;
      if (outcome === 'failed' && on[0]) observe(scan, seen, seen.host, hosts);
      // A name that is probed and never given a password was tried, too.
      if (outcome !== 'accepted' && user && on[1]) observe(enumeration, seen, user, users);
      if (outcome === 'probe') return;
      const broke =
        outcome === 'accepted' &&
        on[2] &&
        failuresBefore(failures, [happened, agent, id], windowMs, count).length >= count;
      if (broke) observe(broken, seen, '', success);
      // Named is where and as whom it got in, not what it tried after that.
      else extend(broken, seen, config.quietMs, outcome === 'accepted');
    },
    reachMs: 120 * MINUTE_MS,
    reachEvents: 128,
  };
}

/** The addresses a user came from. */
export interface UserMemory {
  n: number;
  firstAt: number;
  addresses: [source: string, lastAt: number][];
}

function newFor(memory: UserMemory, seen: Seen & { source: string }, config: DetectionConfig): boolean {
  const { count, windowMs } = config.rules['first-seen-source'];
  const historic = memory.n >= count || (memory.n > 0 && seen.at - memory.firstAt >= windowMs);
  const known = memory.addresses.findIndex(([source]) => source === seen.source);
  if (known >= 0) memory.addresses.splice(known, 1);
  memory.addresses.push([seen.source, seen.at]);
  if (memory.addresses.length > ADDRESSES_PER_USER) memory.addresses.shift();
  if (memory.n === 0) memory.firstAt = seen.at;
  memory.n += 1;
  return historic && known < 0;
}

/** distributed. */
export function targetFold(config: DetectionConfig): Fold<null, null> {
  const rules = ['distributed'] as const;
  const sources = thresholdOf(config, rules[0], 'distinct');
  const { on } = config.rules['distributed'];
  return {
    rules,
    fresh: fresh(rules, () => null),
    copyMemory: () => null,
    ...nothingShared,
    step: ({ waves: [spread] }, seen) => {
      if (on && seen.source !== null) observe(spread as Wave, seen, seen.source, sources);
    },
    reachMs: 120 * MINUTE_MS,
    reachEvents: 128,
  };
}

/** first-seen-source. */
export function userFold(config: DetectionConfig): Fold<UserMemory, null> {
  const rules = ['first-seen-source'] as const;
  const strange = thresholdOf(config, rules[0], 'at once');
  const { on } = config.rules['first-seen-source'];
  return {
    rules,
    fresh: fresh(rules, () => ({ n: 0, firstAt: 0, addresses: [] })),
    copyMemory: ({ n, firstAt, addresses }) => ({ n, firstAt, addresses: addresses.map(([a, b]) => [a, b]) }),
    ...nothingShared,
    step: ({ waves: [wave], memory }, seen) => {
      const { source } = seen;
      if (source !== null && newFor(memory, { ...seen, source }, config) && on)
        observe(wave as Wave, seen, '', strange);
    },
    reachMs: 120 * MINUTE_MS,
    reachEvents: 64,
  };
}

/** password-on-key-host. Remembers how many of the last successes, in a row, were by key. */
export function hostFold(config: DetectionConfig): Fold<number, null> {
  const rules = ['password-on-key-host'] as const;
  const odd = thresholdOf(config, rules[0], 'at once');
  const { on, count } = config.rules['password-on-key-host'];
  return {
    rules,
    fresh: fresh(rules, () => 0),
    copyMemory: (keys) => keys,
    ...nothingShared,
    step: (state, seen) => {
      if (seen.outcome !== 'accepted') return;
      const [wave] = state.waves as [Wave];
      if (byPassword(seen)) {
        if (on && state.memory >= count) observe(wave, seen, '', odd);
        state.memory = 0;
      } else state.memory = seen.method === 'publickey' ? Math.min(count, state.memory + 1) : 0;
    },
    reachMs: 10 * MINUTE_MS,
    reachEvents: 64,
  };
}

/** How long a key is remembered after its last event came: for all rules' windows, or as long as there is room. */
export const REMEMBERED_MS: Readonly<Record<Kind, number>> = {
  pair: DAY_MS + 120 * MINUTE_MS,
  source: DAY_MS + 120 * MINUTE_MS,
  target: DAY_MS + 120 * MINUTE_MS,
  user: 400 * DAY_MS,
  host: 400 * DAY_MS,
};

/** Which stories an event belongs to: the kind, and the key within it. */
export function keysOf(seen: Seen): [Kind, string][] {
  const { outcome, source, user, host } = seen;
  const keys: [Kind, string][] = [];
  const rooted = user === 'root' && byPassword(seen);
  if (source !== null) {
    if (outcome === 'failed' || rooted) keys.push(['pair', `${source} ${host}`]);
    if (outcome !== 'probe' || user) keys.push(['source', source]);
    if (outcome === 'failed' && user) keys.push(['target', user]);
    if (outcome === 'accepted' && user) keys.push(['user', user]);
  } else if (rooted) keys.push(['pair', `? ${host}`]);
  if (outcome === 'accepted') keys.push(['host', host]);
  return keys;
}
