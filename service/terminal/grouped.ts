/** Writes large numbers for people. */

/** 1234567 as 1,234,567. */
export function grouped(number: number): string {
  return number.toLocaleString('en-US');
}
