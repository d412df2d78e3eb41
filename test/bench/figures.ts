/** Figures of a benchmark as people read them. */

/** A row of the table. */
export interface BenchRow {
  readonly name: string;
  readonly value: string;
  readonly note: string;
}

/** The value that this share of all values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
}

/** Milliseconds, with as many digits as mean something. */
export const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
/** A whole number with separators. */
export const number = (value: number): string => Math.round(value).toLocaleString('en-US');
