/** Counts by minute in one host's hour, in some four bytes for each minute in which something happened. Pure. */
import { addCounts, type Counts, countsOf } from './counts.ts';

/** The minutes of an hour, 0 to 59, with the counts of each. */
export type Minutes = Map<number, Counts>;

/** Writes for each minute its number and its three counts, in base 128, low bits first. */
export function packMinutes(minutes: Minutes): Uint8Array {
  const bytes: number[] = [];
  for (const [minute, { accepted, failed, probes }] of minutes)
    for (const number of [minute, accepted, failed, probes]) {
      let rest = number;
      for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest & 127) | 128);
      bytes.push(rest);
    }
  return Uint8Array.from(bytes);
}

/** Reads what `packMinutes` wrote; null holds no minutes. */
export function unpackMinutes(bytes: Uint8Array | null): Minutes {
  const minutes: Minutes = new Map();
  const numbers: number[] = [];
  let number = 0;
  let weight = 1;
  for (const byte of bytes ?? []) {
    number += (byte & 127) * weight;
    weight *= 128;
    if (byte > 127) continue;
    numbers.push(number);
    number = 0;
    weight = 1;
    if (numbers.length < 4) continue;
    const [minute = 0, accepted, failed, probes] = numbers.splice(0);
    minutes.set(minute, countsOf(accepted, failed, probes));
  }
  return minutes;
}

/** Adds to one minute. */
export function addToMinute(minutes: Minutes, minute: number, counts: Readonly<Counts>): void {
  const known = minutes.get(minute);
  if (known) addCounts(known, counts);
  else minutes.set(minute, { ...counts });
}
