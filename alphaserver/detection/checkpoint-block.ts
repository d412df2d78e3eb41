/** Writes keyed states as compact JSON for a checkpoint, and reads them back. */
import type { Detector, DetectorState } from './detector.ts';
import { type AnyState, KeyedState, type TrackedIncident } from './keyed-state.ts';
import { EVENT_FIELDS, join, RuleEvent, SPLIT_FIELDS, split, unpack } from './rule-event.ts';
import type { ScanGroup } from './scan-grouping.ts';
import type { StringInterner } from './string-interner.ts';
import {
  DISTINCT_FIELDS,
  type OpenIncident,
  type Threshold,
  type ThresholdWindow,
  VALUE_FIELDS,
} from './threshold-window.ts';

/** The version of the data; also of the numbers that events are packed into. */
const VERSION = 4;

/** A block that this version cannot read. All blocks are to be dropped then, and all events replayed. */
export class CheckpointError extends Error {
  readonly code = 'checkpoint';
}

/** An incident as it is saved. `partOf` is the id of a scan; `isOpen` until it was given as closed. */
export interface SavedIncident
  extends Pick<TrackedIncident, 'id' | 'window' | 'decidedBy' | 'firstAt' | 'openedAt' | 'lastAt' | 'count' | 'idSum'> {
  readonly partOf?: string;
  readonly isReported: boolean;
  readonly isOpen: boolean;
  readonly grownSinceMs: number | null;
}

/** A ScanGroup as it is saved. */
export interface SavedGroup {
  readonly scans: readonly SavedIncident[];
  readonly parts: readonly SavedIncident[];
}

interface SavedWindow {
  /** The number of events of each value, where different values are counted. */
  readonly counts?: readonly number[];
  readonly events: readonly number[];
  readonly open?: OpenIncident;
}

interface SavedState {
  readonly key: readonly [first: number, second: number];
  readonly touchedMs: number;
  readonly events: readonly number[];
  readonly base?: { readonly settledTo: number; readonly windows: readonly SavedWindow[]; readonly memory: unknown };
  readonly incidents?: readonly SavedIncident[];
  readonly group?: SavedGroup;
}

interface SavedBlock {
  readonly version: number;
  /** Interned texts have other numbers in each process: saved are places in this list, from 1. */
  readonly texts: readonly string[];
  readonly states: readonly SavedState[];
}

/** A state that was read, and what has to be linked when all states are there. */
export interface LoadedState {
  readonly state: AnyState;
  readonly incidents: readonly SavedIncident[];
  readonly group: SavedGroup | null;
}

type TextOf = (text: number) => number;

// biome-ignore lint/suspicious/noExplicitAny: a block holds whatever its detector remembers.
type AnyDetector = Detector<any>;

/** Writes a block. `incidentsOf` and `groupOf` give what is tracked of a state. */
export function saveBlock(
  states: readonly AnyState[],
  detector: AnyDetector,
  interner: StringInterner,
  save: { incident: (incident: TrackedIncident) => SavedIncident; group: (state: AnyState) => ScanGroup | undefined },
): string {
  const texts: string[] = [];
  const places = new Map<number, number>();
  const textOf: TextOf = (text) => {
    if (text === 0) return 0;
    const known = places.get(text);
    if (known !== undefined) return known;
    texts.push(interner.text(text) ?? '');
    places.set(text, texts.length);
    return texts.length;
  };
  const saved = states.map((state): SavedState => {
    const group = save.group(state);
    return {
      key: [detector.kind === 'host' ? state.first : textOf(state.first), state.second],
      touchedMs: state.touchedMs,
      events: savedEvents(state.buffer, textOf),
      ...(state.base && {
        base: {
          settledTo: state.base.settledTo,
          windows: state.base.state.windows.map((window, i) => savedWindow(window, detector.thresholds[i], textOf)),
          memory: detector.mapTexts?.(state.base.state.memory, textOf) ?? state.base.state.memory,
        },
      }),
      ...(state.incidents.length > 0 && { incidents: state.incidents.map(save.incident) }),
      ...(group && { group: { scans: group.scans.map(save.incident), parts: group.parts.map(save.incident) } }),
    };
  });
  return JSON.stringify({ version: VERSION, texts, states: saved } satisfies SavedBlock);
}

/** Reads a block. Throws a CheckpointError for one that this version did not write. */
export function loadBlock(data: string, detector: AnyDetector, interner: StringInterner): LoadedState[] {
  const { version, texts, states } = parsed(data);
  if (version !== VERSION)
    throw new CheckpointError(`the checkpoint is of version ${version}, this program reads ${VERSION}`);
  const numbers = texts.map((text) => interner.number(text));
  const textOf: TextOf = (place) => (place === 0 ? 0 : (numbers[place - 1] as number));
  return states.map(({ key: [first, second], touchedMs, events, base, incidents = [], group = null }) => {
    const state: AnyState = new KeyedState(
      detector.kind === 'host' ? first : textOf(first),
      second,
      loadedEvents(events, textOf),
    );
    state.touchedMs = touchedMs;
    if (base) {
      const windows = base.windows.map((window, i) => loadedWindow(window, detector.thresholds[i], textOf));
      const memory = detector.mapTexts?.(base.memory, textOf) ?? base.memory;
      state.base = { settledTo: base.settledTo, state: { windows, memory } satisfies DetectorState<unknown> };
    }
    return { state, incidents, group };
  });
}

function parsed(data: string): SavedBlock {
  try {
    return JSON.parse(data) as SavedBlock;
  } catch (error) {
    throw new CheckpointError('the checkpoint is damaged', { cause: error });
  }
}

/** Events as differences to the event before: most of them are small, and those of one key have much in common. */
function savedEvents(packed: readonly number[], textOf: TextOf): number[] {
  const fields: number[] = [];
  for (let offset = 0; offset < packed.length; offset += EVENT_FIELDS) split(packed, offset, textOf, fields);
  for (let i = fields.length - 1; i >= SPLIT_FIELDS; i -= 1)
    fields[i] = (fields[i] as number) - (fields[i - SPLIT_FIELDS] as number);
  return fields;
}

function loadedEvents(saved: readonly number[], textOf: TextOf): number[] {
  const fields = saved.slice();
  for (let i = SPLIT_FIELDS; i < fields.length; i += 1)
    fields[i] = (fields[i] as number) + (fields[i - SPLIT_FIELDS] as number);
  const packed: number[] = [];
  for (let offset = 0; offset < fields.length; offset += SPLIT_FIELDS) join(fields, offset, textOf, packed);
  return packed;
}

function savedWindow(
  { observations, open }: ThresholdWindow,
  threshold: Threshold | undefined,
  textOf: TextOf,
): SavedWindow {
  const shown = open && { open: withTexts(open, textOf) };
  if (!threshold?.distinct) return { events: savedEvents(observations, textOf), ...shown };
  const counts: number[] = [];
  const events: number[] = [];
  for (let i = 0; i < observations.length; i += DISTINCT_FIELDS) {
    counts.push(observations[i + 1] as number);
    events.push(...observations.slice(i + VALUE_FIELDS, i + DISTINCT_FIELDS));
  }
  return { counts, events: savedEvents(events, textOf), ...shown };
}

function loadedWindow(
  { counts, events, open }: SavedWindow,
  threshold: Threshold | undefined,
  textOf: TextOf,
): ThresholdWindow {
  const packed = loadedEvents(events, textOf);
  const window = { open: open ? withTexts(open, textOf) : null, closed: [] };
  if (!counts || !threshold?.distinct) return { ...window, observations: packed };
  const event = new RuleEvent();
  const observations: number[] = [];
  for (const [i, count] of counts.entries()) {
    const offset = i * 2 * EVENT_FIELDS;
    unpack(packed, offset, event);
    observations.push(event[threshold.distinct], count, ...packed.slice(offset, offset + 2 * EVENT_FIELDS));
  }
  return { ...window, observations };
}

/** A version before did not save `unusedMs`. */
const withTexts = (incident: Omit<OpenIncident, 'unusedMs'> & Partial<OpenIncident>, textOf: TextOf): OpenIncident => ({
  unusedMs: 0,
  ...incident,
  users: incident.users.map(textOf),
  ips: incident.ips.map(textOf),
});
