/** One rule for one key: events of a wave, the threshold that makes the wave an incident, the quiet that ends it. */
import type { Seen } from './rule-event.ts';

/** What sets a wave off: `count` observations within `windowMs` (both ends inside), or that many different ones. */
export interface Threshold {
  readonly count: number;
  readonly windowMs: number;
  readonly quietMs: number;
  /** True when observations with the same value are one. */
  readonly distinct: boolean;
}

/** Event ids an incident keeps from its beginning, and as many from its end. */
export const EVIDENCE_EACH_END = 10;
/** Hosts, users and addresses an incident names; of more it only says that there are more. */
export const TOUCHED_LIMIT = 64;

/** An incident as its wave knows it. Times are Unix milliseconds, of the events. */
export interface Draft {
  /** Its name, once the engine has given it one. */
  id: string;
  /** Which incident of this rule and key it is, from 1; 0 until the story has numbered it. */
  ordinal: number;
  /** The earliest event that counted towards the threshold. */
  readonly firstAt: number;
  /** The event that crossed the threshold. */
  readonly openedAt: number;
  lastAt: number;
  count: number;
  /** True while all of its events came late. */
  late: boolean;
  readonly first: number[];
  last: number[];
  readonly hosts: string[];
  readonly users: string[];
  readonly ips: string[];
  /** True when more hosts, users or addresses were touched than are named. */
  more: boolean;
}

/** Observations that count towards a threshold: one, or all with the same value. */
export interface Mark {
  readonly value: string;
  readonly first: Seen;
  last: Seen;
  n: number;
}

/** The state of one rule for one key. Its size is bounded by the rule's count. */
export interface Wave {
  window: Mark[];
  open: Draft | null;
  /** Closed incidents that an event out of order may still change; the story takes them out when none can. */
  done: Draft[];
}

/** What most waves have, shared by all of them: never written to. */
export const NO_MARKS: Mark[] = [];
export const NO_DRAFTS: Draft[] = [];

/** A wave of which nothing was observed. */
export const freshWave = (): Wave => ({ window: NO_MARKS, open: null, done: NO_DRAFTS });

/** Adds a name; true when there is no room for it. `more`: that is known already, and nothing is looked for in a full list. */
const touch = (names: string[], name: string | null, more: boolean): boolean => {
  const full = names.length >= TOUCHED_LIMIT;
  if (name === null || (full && more) || names.includes(name)) return more;
  if (full) return true;
  names.push(name);
  return more;
};

function grow(draft: Draft, seen: Seen, n: number): void {
  draft.lastAt = Math.max(draft.lastAt, seen.at);
  draft.count += n;
  draft.late &&= seen.late;
  if (draft.first.length < EVIDENCE_EACH_END) draft.first.push(seen.id);
  else {
    draft.last.push(seen.id);
    if (draft.last.length > EVIDENCE_EACH_END) draft.last.shift();
  }
}

function name(draft: Draft, seen: Seen): void {
  draft.more = touch(draft.hosts, seen.host, draft.more);
  draft.more = touch(draft.users, seen.user, draft.more);
  draft.more = touch(draft.ips, seen.ip, draft.more);
}

function opened(window: readonly Mark[], by: Seen, windowMs: number): Draft {
  // What counts was within the window, also where its value had been seen before that.
  const began = ({ first, last }: Mark): number => (by.at - first.at <= windowMs ? first.at : last.at);
  const draft: Draft = {
    id: '',
    ordinal: 0,
    firstAt: Math.min(...window.map(began)),
    openedAt: by.at,
    lastAt: by.at,
    count: 0,
    late: by.late,
    first: [],
    last: [],
    hosts: [],
    users: [],
    ips: [],
    more: false,
  };
  for (const { first, last, n } of window) {
    grow(draft, first, n);
    name(draft, first);
    if (last === first) continue;
    grow(draft, last, 0);
    name(draft, last);
  }
  // Whether it is late is said by what crossed the threshold and what came after, not by what led there.
  draft.late = by.late;
  return draft;
}

/** Closes the wave's incident when its source had been quiet for long enough before `at`. */
export function endIfQuiet(wave: Wave, at: number, quietMs: number): void {
  if (wave.open === null || at - wave.open.lastAt < quietMs) return;
  wave.done = [...wave.done, wave.open];
  wave.open = null;
}

/** Forgets what counted towards the threshold. An open incident stays as it is. */
export function forget(wave: Wave): void {
  wave.window = NO_MARKS;
}

/**
 * An event that keeps an open incident open and belongs to it, but would not open one. `named`: whether its host, user and
 * address are among those that the incident names.
 */
export function extend(wave: Wave, seen: Seen, quietMs: number, named: boolean): void {
  endIfQuiet(wave, seen.at, quietMs);
  if (!wave.open) return;
  grow(wave.open, seen, 1);
  if (named) name(wave.open, seen);
}

/**
 * An event that counts, events in order. What one incident has used up does not count for the next: a source that
 * goes on slowly after a close has to cross the threshold anew.
 */
export function observe(wave: Wave, seen: Seen, value: string, config: Threshold): void {
  endIfQuiet(wave, seen.at, config.quietMs);
  if (wave.open) {
    grow(wave.open, seen, 1);
    name(wave.open, seen);
    return;
  }
  if (wave.window.some((mark) => seen.at - mark.last.at > config.windowMs))
    wave.window = wave.window.filter((mark) => seen.at - mark.last.at <= config.windowMs);
  const known = config.distinct ? wave.window.find((mark) => mark.value === value) : undefined;
  if (known) {
    known.last = seen;
    known.n += 1;
  } else wave.window = withMark(wave.window, { value, first: seen, last: seen, n: 1 });
  if (wave.window.length < config.count) return;
  wave.open = opened(wave.window, seen, config.windowMs);
  wave.window = NO_MARKS;
}

function withMark(window: Mark[], mark: Mark): Mark[] {
  if (window.length === 0) return [mark];
  window.push(mark);
  return window;
}

const copyDraft = (d: Draft): Draft => ({
  ...d,
  id: '',
  first: [...d.first],
  last: [...d.last],
  hosts: [...d.hosts],
  users: [...d.users],
  ips: [...d.ips],
});

/** A wave that can be changed without changing this one. */
export function copyWave(wave: Wave): Wave {
  return {
    window: wave.window.length === 0 ? NO_MARKS : wave.window.map((mark) => ({ ...mark })),
    open: wave.open && copyDraft(wave.open),
    done: wave.done.length === 0 ? NO_DRAFTS : wave.done.map(copyDraft),
  };
}
