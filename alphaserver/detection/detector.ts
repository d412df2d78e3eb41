/** Defines a detector: a pure function over the events of one key, in order. */
import { type DetectionConfig, DORMANT_LIMIT_MS, type EventRule, WINDOW_LIMIT_MS } from '../alert-config/rules.ts';
import type { RuleEvent } from './rule-event.ts';
import { copyWindow, mayCross, type Threshold, type ThresholdWindow } from './threshold-window.ts';

/**
 * Kinds of keys. `pair` is a source on a host; `target` a user name that was tried, `user` one that got in: kept apart so
 * that made-up names cannot evict what is known of real people. `key` is the fingerprint of an SSH key on a host.
 */
export const KINDS = ['pair', 'source', 'target', 'user', 'host', 'key'] as const;
export type Kind = (typeof KINDS)[number];

/** True for kinds whose keys begin with a source. */
export const hasSource = (kind: Kind): boolean => kind === 'pair' || kind === 'source';

/** True for kinds whose keys end with a host. */
export const hasHost = (kind: Kind): boolean => kind === 'pair' || kind === 'key';

/** The kind of key of each rule. */
export const KIND_OF: Readonly<Record<EventRule, Kind>> = {
  'brute-force': 'pair',
  'slow-brute-force': 'pair',
  'root-password': 'pair',
  decoy: 'pair',
  'sshd-crash': 'pair',
  'fleet-scan': 'source',
  'user-enumeration': 'source',
  'break-in': 'source',
  distributed: 'target',
  'first-seen-source': 'user',
  'password-on-key-host': 'host',
  'dormant-key': 'key',
};

const HOUR_MS = 3_600_000;
/** The time for which the keys of attacks are remembered: the longest window, and what may come late. */
export const REMEMBERED_ATTACK_MS = WINDOW_LIMIT_MS + 2 * HOUR_MS;
/** The time for which the keys of logins are remembered: over a year, so that a yearly login is no news. */
export const REMEMBERED_LOGIN_MS = 400 * 24 * HOUR_MS;
/** The time for which a key on a host is remembered: as long as the rules file may call one dormant. */
export const REMEMBERED_KEY_MS = DORMANT_LIMIT_MS;

/** Events that stay in the buffer however old they are: most keys never have more, and need nothing but the buffer. */
const LEAST_BUFFERED = 16;

/** Holds what a detector has made of the events so far: one window for each of its rules, and what else it remembers. */
export interface DetectorState<Memory> {
  readonly windows: ThresholdWindow[];
  memory: Memory;
}

/** Holds what the events that left the buffer have made, and the place of the newest: no event counts before that any more. */
export interface BaseState<Memory> {
  readonly state: DetectorState<Memory>;
  settledTo: number;
}

/** The rules of one kind of key. */
export interface Detector<Memory> {
  readonly kind: Kind;
  readonly rules: readonly EventRule[];
  /** The threshold of each rule's window. */
  readonly thresholds: readonly Threshold[];
  /**
   * Allowed lateness: how far out of order an event may come and still find its place, within this time and behind this many
   * newer events of its key.
   */
  readonly latenessMs: number;
  readonly latenessEvents: number;
  /** Events that stay in the buffer however old they are. */
  readonly leastBuffered: number;
  /** The time for which a key is remembered after its last event was stored. */
  readonly rememberedMs: number;
  newMemory(): Memory;
  copyMemory(memory: Memory): Memory;
  /** False where an event that is the newest of the packed ones in a buffer cannot open an incident. It need not be exact. */
  mayOpen(event: RuleEvent, buffer: readonly number[], base: BaseState<Memory> | null): boolean;
  /**
   * The windows in which an event counts, one bit for each, where it does nothing else: it adds to those of their incidents that are
   * open, and may cross the thresholds of the others. 0 where more may come of it, or it is not worth saying. `open`: the windows
   * with an incident that is open at the event.
   */
  countedIn?(event: RuleEvent, open: number): number;
  /** True where `countedIn` holds for events out of order too: what comes after one of them does not look back at it. */
  readonly countedLate: boolean;
  /** Adds the next event. `buffer` has, from the offset `from` on, the packed events that are not settled, this one too. */
  observe(state: DetectorState<Memory>, event: RuleEvent, buffer: readonly number[], from: number): void;
  /** Keeps in the base state's memory what `observe` found in the buffer: the event leaves it. */
  settle?(memory: Memory, event: RuleEvent): void;
  /** A copy of the memory with other numbers for its interned texts; left out where it has none. */
  mapTexts?(memory: Memory, textOf: (text: number) => number): Memory;
}

/** Holds what all detectors have: the settings, and a memory that is null unless one says otherwise. */
export abstract class RuleDetector<Memory = null> implements Detector<Memory> {
  abstract readonly kind: Kind;
  abstract readonly rules: readonly EventRule[];
  abstract readonly thresholds: readonly Threshold[];
  abstract readonly latenessMs: number;
  abstract readonly latenessEvents: number;
  readonly leastBuffered: number = LEAST_BUFFERED;
  abstract readonly rememberedMs: number;
  readonly countedLate: boolean = false;
  protected readonly config: DetectionConfig;

  constructor(config: DetectionConfig) {
    this.config = config;
  }

  newMemory(): Memory {
    return null as Memory;
  }

  copyMemory(memory: Memory): Memory {
    return memory;
  }

  abstract mayOpen(event: RuleEvent, buffer: readonly number[], base: BaseState<Memory> | null): boolean;
  abstract observe(state: DetectorState<Memory>, event: RuleEvent, buffer: readonly number[], from: number): void;
}

/** A state that can be changed without changing this one. */
export function copyState<Memory>(
  { windows, memory }: DetectorState<Memory>,
  detector: Detector<Memory>,
): DetectorState<Memory> {
  return { windows: windows.map(copyWindow), memory: detector.copyMemory(memory) };
}

/** False where the newest event of a buffer cannot cross the threshold of a window: see `mayCross`. */
export const mayCrossWindow = <Memory>(
  window: number,
  threshold: Threshold,
  buffer: readonly number[],
  base: BaseState<Memory> | null,
): boolean => mayCross(threshold, buffer, base?.state.windows[window], base?.settledTo ?? Number.NEGATIVE_INFINITY);
