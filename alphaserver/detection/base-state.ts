/** What is settled of a story, and how it is kept on disk. */
import { type PackedSeen, packSeen, unpackSeen } from './rule-event.ts';
import { type Draft, NO_DRAFTS, NO_MARKS, type Wave } from './threshold-window.ts';

/** What has been made of a key's events: one wave for each rule, and what else the fold remembers, as plain data. */
export interface State<M> {
  readonly waves: Wave[];
  memory: M;
}

type PackedMark = readonly [value: string, first: PackedSeen, last: PackedSeen | 0, n: number];

/** A state as plain data. */
export function packState({ waves, memory }: State<unknown>): unknown {
  const packed = waves.map(({ window, open }) => ({
    window: window.map(
      ({ value, first, last, n }): PackedMark => [value, packSeen(first), last === first ? 0 : packSeen(last), n],
    ),
    open,
  }));
  return { waves: packed, memory };
}

/** The state of which packState made plain data. */
export function unpackState(packed: unknown): State<unknown> {
  const { waves, memory } = packed as { waves: { window: PackedMark[]; open: Draft | null }[]; memory: unknown };
  return {
    memory,
    waves: waves.map(({ window, open }) => ({
      open,
      done: NO_DRAFTS,
      window:
        window.length === 0
          ? NO_MARKS
          : window.map(([value, given, later, n]) => {
              const first = unpackSeen(given);
              return { value, first, last: later === 0 ? first : unpackSeen(later), n };
            }),
    })),
  };
}
