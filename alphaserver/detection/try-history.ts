/** The tries of one source over a day and more, in a size that a hundred thousand sources can have: what `break-in` counts. */

/**
 * Tries are kept by stretches of this length. Of each the first few and the last few are kept, as many as the rule counts:
 * whether there were that many in the 24 h before any moment is then still exact, because for a moment inside a stretch
 * either that many of its first ones came before it, or all of those before it are kept.
 */
const STRETCH_MS = 6 * 3_600_000;
/** Stretches kept: a day before an event that comes up to two hours late, from any place inside a stretch. */
const STRETCHES = 6;

/** Numbers of a try: when it happened, its agent's rank, its event's id. */
const TRY_FIELDS = 3;

/** One stretch: packed tries in order; `last` has none that is in `first`. */
export interface Stretch {
  readonly start: number;
  readonly first: number[];
  readonly last: number[];
}

/** Stretches of tries, the newest last. The same tries in any order make the same stretches. */
type Stretches = Stretch[];

/** Holds all tries of a source; and, for whether there was one at all, its failed attempts alone. */
export interface TryHistory {
  readonly tries: Stretches;
  readonly failed: Stretches;
}

export const newTryHistory = (): TryHistory => ({ tries: [], failed: [] });

/** The moment of an event in the order of all: when it happened, its agent's rank, its id. */
export interface Moment {
  readonly at: number;
  readonly rank: number;
  readonly id: number;
}

/** True when the try at `offset` came before a moment. */
function isBefore(tries: readonly number[], offset: number, { at, rank, id }: Moment): boolean {
  const difference = (tries[offset] as number) - at || (tries[offset + 1] as number) - rank;
  return difference === 0 ? (tries[offset + 2] as number) < id : difference < 0;
}

/** Adds a try. `keep` is the rule's count. */
export function addTry(history: TryHistory, moment: Moment, hasFailed: boolean, keep: number): void {
  add(history.tries, moment, keep);
  if (hasFailed) add(history.failed, moment, 1);
}

function add(stretches: Stretches, moment: Moment, keep: number): void {
  const start = Math.floor(moment.at / STRETCH_MS) * STRETCH_MS;
  const newest = stretches[stretches.length - 1];
  let stretch = newest?.start === start ? newest : stretches.find((one) => one.start === start);
  if (!stretch) {
    stretch = { start, first: [], last: [] };
    stretches.push(stretch);
    stretches.sort((a, b) => a.start - b.start);
    if (stretches.length > STRETCHES) stretches.shift();
  }
  const { first, last } = stretch;
  const limit = keep * TRY_FIELDS;
  // Most tries come in order, and after the first few.
  if (first.length === limit && isBefore(first, limit - TRY_FIELDS, moment)) insertBounded(last, moment, limit);
  else {
    insert(first, moment);
    if (first.length <= limit) return;
    const [at = moment.at, rank = moment.rank, id = moment.id] = first.splice(limit);
    insertBounded(last, { at, rank, id }, limit);
  }
}

/** Inserts a try in its place. */
function insert(tries: number[], moment: Moment): void {
  let place = tries.length;
  while (place > 0 && !isBefore(tries, place - TRY_FIELDS, moment)) place -= TRY_FIELDS;
  if (place === tries.length) tries.push(moment.at, moment.rank, moment.id);
  else tries.splice(place, 0, moment.at, moment.rank, moment.id);
}

/** Inserts a try in its place, and drops the first one where there are more than `limit` numbers. */
function insertBounded(tries: number[], moment: Moment, limit: number): void {
  if (tries.length < limit) {
    insert(tries, moment);
    return;
  }
  if (!isBefore(tries, 0, moment)) return;
  let offset = 0;
  for (; offset + TRY_FIELDS < limit && isBefore(tries, offset + TRY_FIELDS, moment); offset += TRY_FIELDS)
    for (let field = 0; field < TRY_FIELDS; field += 1)
      tries[offset + field] = tries[offset + TRY_FIELDS + field] as number;
  tries[offset] = moment.at;
  tries[offset + 1] = moment.rank;
  tries[offset + 2] = moment.id;
}

/** Counts the kept tries before a moment, and not more than `windowMs` before it; no further than `most`. */
export function triesBefore(stretches: Stretches, moment: Moment, windowMs: number, most: number): number {
  let count = 0;
  for (const { first, last } of stretches)
    for (const tries of [first, last])
      for (let i = 0; i < tries.length && count < most; i += TRY_FIELDS)
        if (isBefore(tries, i, moment) && (tries[i] as number) >= moment.at - windowMs) count += 1;
  return count;
}
