/** The failures of one source over a day and more, in a size that a hundred thousand sources can have: what `break-in` counts. */

/**
 * Failures are kept by stretches of this length. Of each the first few and the last few are kept, as many as the rule counts:
 * whether there were that many in the 24 h before any moment is then still exact, because for a moment inside a stretch
 * either that many of its first ones came before it, or all of those before it are kept.
 */
const STRETCH_MS = 6 * 3_600_000;
/** Stretches kept: a day before an event that comes up to two hours late, from any place inside a stretch. */
const STRETCHES = 6;

/** Numbers of a failure: when it happened, its agent's rank, its event's id. */
export const FAILURE_FIELDS = 3;

/** One stretch: packed failures in order; `last` has none that is in `first`. */
export interface Stretch {
  readonly start: number;
  readonly first: number[];
  readonly last: number[];
}

/** The failures of one source, newest stretch last. The same failures in any order make the same history. */
export type FailureHistory = Stretch[];

/** True when the failure at `offset` came before a moment, given as a failure's numbers. */
export function failedBefore(
  failures: readonly number[],
  offset: number,
  at: number,
  rank: number,
  id: number,
): boolean {
  const difference = (failures[offset] as number) - at || (failures[offset + 1] as number) - rank;
  return difference === 0 ? (failures[offset + 2] as number) < id : difference < 0;
}

/** Adds a failure. `keep` is the rule's count. */
export function addFailure(history: FailureHistory, at: number, rank: number, id: number, keep: number): void {
  const start = Math.floor(at / STRETCH_MS) * STRETCH_MS;
  let stretch = history.find((one) => one.start === start);
  if (!stretch) {
    stretch = { start, first: [], last: [] };
    history.push(stretch);
    history.sort((a, b) => a.start - b.start);
    if (history.length > STRETCHES) history.shift();
  }
  const { first, last } = stretch;
  const limit = keep * FAILURE_FIELDS;
  insert(first, at, rank, id);
  if (first.length <= limit) return;
  const [movedAt = at, movedRank = rank, movedId = id] = first.splice(limit);
  insert(last, movedAt, movedRank, movedId);
  if (last.length > limit) last.splice(0, FAILURE_FIELDS);
}

function insert(failures: number[], at: number, rank: number, id: number): void {
  let place = failures.length;
  while (place > 0 && !failedBefore(failures, place - FAILURE_FIELDS, at, rank, id)) place -= FAILURE_FIELDS;
  failures.splice(place, 0, at, rank, id);
}

/** How many failures before a moment, and not more than `windowMs` before it, are kept; counts no further than `most`. */
export function failuresBefore(
  history: FailureHistory,
  at: number,
  rank: number,
  id: number,
  windowMs: number,
  most: number,
): number {
  let count = 0;
  for (const { first, last } of history)
    for (const failures of [first, last])
      for (let i = 0; i < failures.length && count < most; i += FAILURE_FIELDS)
        if (failedBefore(failures, i, at, rank, id) && (failures[i] as number) >= at - windowMs) count += 1;
  return count;
}
