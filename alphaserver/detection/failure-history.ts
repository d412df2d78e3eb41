/** The failures of one source over a day and more, small enough for a hundred thousand sources: what `break-in` asks. */

/**
 * Failures by stretches of this length. Of each, the first few and the last few are kept, as many as the rule counts:
 * whether there were that many in the 24 h before any moment is then still told exactly, because a moment inside a
 * stretch either has that many of its first ones before it or all of those before it are known.
 */
const STRETCH_MS = 6 * 3_600_000;
/** Stretches kept: a day before an event that comes up to two hours late, from any place inside a stretch. */
const STRETCHES = 6;

/** A failure: when, of which agent, and its event's id. */
export type Failure = readonly [at: number, agent: number, id: number];

/** One stretch. `last` has none that is in `first`; both are in order. */
export interface Stretch {
  readonly start: number;
  first: Failure[];
  last: Failure[];
}

/** The memory of one source: plain data, newest stretch last. The same failures in any order make the same memory. */
export type Failures = Stretch[];

const inOrder = (a: Failure, b: Failure): number => a[0] - b[0] || a[1] - b[1] || a[2] - b[2];

/** Adds a failure. `keep` is the rule's count. */
export function addFailure(failures: Failures, failure: Failure, keep: number): void {
  const start = Math.floor(failure[0] / STRETCH_MS) * STRETCH_MS;
  let stretch = failures.find((one) => one.start === start);
  if (!stretch) {
    stretch = { start, first: [], last: [] };
    failures.push(stretch);
    failures.sort((a, b) => a.start - b.start);
    if (failures.length > STRETCHES) failures.shift();
  }
  const { first, last } = stretch;
  if (first.length < keep || inOrder(failure, first.at(-1) as Failure) < 0) {
    first.push(failure);
    first.sort(inOrder);
    if (first.length <= keep) return;
    last.push(first.pop() as Failure);
  } else last.push(failure);
  // In order they come, nearly always.
  if (last.length > 1 && inOrder(last.at(-2) as Failure, last.at(-1) as Failure) > 0) last.sort(inOrder);
  if (last.length > keep) last.shift();
}

/** The latest failures before a moment and not more than `windowMs` before it, at most `most` of them, newest first. */
export function failuresBefore(failures: Failures, moment: Failure, windowMs: number, most: number): Failure[] {
  const found: Failure[] = [];
  for (let i = failures.length - 1; i >= 0 && found.length < most; i -= 1) {
    const { first, last } = failures[i] as Stretch;
    for (const list of [last, first])
      for (let j = list.length - 1; j >= 0 && found.length < most; j -= 1) {
        const one = list[j] as Failure;
        if (inOrder(one, moment) < 0 && one[0] >= moment[0] - windowMs) found.push(one);
      }
  }
  return found;
}
