/** The minutes of one host's hour, in some four bytes for each minute in which something happened. Pure. */
import type { Tally } from './counts.ts';
import { addTo, tallyOf } from './counts.ts';

/** Minutes of an hour, 0 to 59, with what happened in each. */
export type Minutes = Map<number, Tally>;

/** As it is kept: for each minute its number and its three counts, in base 128, low bits first. */
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

/** What `packMinutes` packed; nothing from null. */
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
    minutes.set(minute, tallyOf(accepted, failed, probes));
  }
  return minutes;
}

/** Adds to one minute. */
export function addToMinute(minutes: Minutes, minute: number, tally: Readonly<Tally>): void {
  const known = minutes.get(minute);
  if (known) addTo(known, tally);
  else minutes.set(minute, { ...tally });
}
