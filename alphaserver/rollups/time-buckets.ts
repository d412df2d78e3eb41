/** Spans of time, and the whole minutes, hours and days they are made of. Pure. */

/** Unix milliseconds, `from` inside, `to` outside; either may be infinite. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The sizes of buckets. */
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
/** The step of the one bucket that holds everything; it begins at 0. */
export const ALL_TIME = 0;

/** Gives the start of the bucket that a time is in. */
export const floorTo = (at: number, step: number): number => (step === ALL_TIME ? 0 : Math.floor(at / step) * step);
/** Gives the first start of a bucket that is not before a time. */
export const ceilTo = (at: number, step: number): number => Math.ceil(at / step) * step;

/** A run of whole buckets of one size. */
export interface Run extends Span {
  readonly step: number;
}

/** A span cut into as few runs of whole buckets as there can be, and the `edges`, each within one of the finest. */
export interface Cut {
  readonly runs: readonly Run[];
  readonly edges: readonly Span[];
}

/** Cuts a span; `steps` are bucket sizes in milliseconds, coarsest first, each a multiple of the next. */
export function cut(span: Span, steps: readonly number[]): Cut {
  const [step, ...finer] = steps;
  if (!(span.from < span.to)) return { runs: [], edges: [] };
  if (step === undefined) return { runs: [], edges: [span] };
  const from = ceilTo(span.from, step);
  const to = floorTo(span.to, step);
  if (from > to) return cut(span, finer);
  // Where they are the same, no whole bucket is between them; yet what is on one side of it is not what is on the other.
  const between = from < to ? [{ step, from, to }] : [];
  const before = cut({ from: span.from, to: from }, finer);
  const after = cut({ from: to, to: span.to }, finer);
  return {
    runs: [...before.runs, ...between, ...after.runs],
    edges: [...before.edges, ...after.edges],
  };
}

/**
 * A span where everything before `horizon` can only be had in buckets of `step`: such a bucket counts where it begins.
 * So neighbouring spans still share nothing and leave nothing out.
 */
export function coarsened(span: Span, step: number, horizon: number): Span {
  const moved = (at: number): number => (at < horizon ? Math.min(ceilTo(at, step), horizon) : at);
  return { from: moved(span.from), to: moved(span.to) };
}
