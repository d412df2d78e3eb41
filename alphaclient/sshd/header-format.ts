/**
 * ALPHACLIENT_HEADER: the header of a log that has none of the forms that are built in, written as `{time} {host} {tag}[{pid}]: `. Text
 * between the holes stands for itself, a blank for any number of them. A line is matched from its beginning in one pass.
 */

import type { TimestampParser } from './timestamp.ts';

/** `{skip}` takes one word that says nothing. */
const HOLES = ['time', 'host', 'tag', 'pid', 'skip'] as const;
type Hole = (typeof HOLES)[number];
/** The longest format. */
export const FORMAT_LIMIT_CHARS = 256;
const PID = /^\d{1,10}/;
const PID_LIMIT_CHARS = 10;

/** A hole, or the text between two. */
type Part = { readonly hole: Hole } | { readonly text: string };

/** The text that a hole of the format took from a line. */
export interface Field {
  readonly hole: Hole;
  readonly text: string;
}

/** The result of matching a line with the format. */
export interface HeaderMatch {
  /** The part of the format that the line does not fit; null where it fits. */
  readonly missing: string | null;
  /** The texts of the holes, in their order, up to where the line does not fit. */
  readonly fields: readonly Field[];
  /** Unix milliseconds, NaN where the format has no time. */
  readonly ms: number;
  /** Index of the message, or of what does not fit. */
  readonly end: number;
}

/** A header format. Stateless. */
export class HeaderFormat {
  readonly #parts: readonly Part[];

  /** Throws a RangeError that names the place where the text is no format. */
  constructor(text: string) {
    this.#parts = partsOf(text);
  }

  /** Matches a line from `from` on. */
  match(line: string, from: number, timestamps: TimestampParser): HeaderMatch {
    const fields: Field[] = [];
    let ms = Number.NaN;
    let end = from;
    for (const [i, part] of this.#parts.entries()) {
      const next =
        'text' in part ? textEnd(line, end, part.text) : holeEnd(line, end, part.hole, this.#parts[i + 1], timestamps);
      if (next < 0) return { missing: written(part), fields, ms, end };
      if ('hole' in part) {
        fields.push({ hole: part.hole, text: line.slice(end, next) });
        if (part.hole === 'time') ms = timestamps.ms;
      }
      end = next;
    }
    // A blank at the format's end is easily lost where it is set; sshd begins no message with one.
    while (line[end] === ' ') end++;
    return { missing: null, fields, ms, end };
  }
}

/** Index behind a text whose blanks stand for one or more; -1 where it does not stand at `at`. */
function textEnd(line: string, at: number, text: string): number {
  let end = at;
  for (const c of text) {
    if (line[end] !== c) return -1;
    end++;
    if (c === ' ') while (line[end] === ' ') end++;
  }
  return end;
}

/** Index behind what a hole takes: a time, a pid, or the word up to the text that follows the hole; -1 where it finds nothing. */
function holeEnd(line: string, at: number, hole: Hole, next: Part | undefined, timestamps: TimestampParser): number {
  if (hole === 'time') return timestamps.parse(line, at);
  if (hole === 'pid') {
    const digits = PID.exec(line.slice(at, at + PID_LIMIT_CHARS))?.[0].length ?? 0;
    return digits > 0 ? at + digits : -1;
  }
  const blank = line.indexOf(' ', at);
  const wordEnd = blank < 0 ? line.length : blank;
  if (next === undefined) return wordEnd > at ? wordEnd : -1;
  const text = 'text' in next ? next.text : '';
  const first = text[0] ?? ' ';
  for (let end = line.indexOf(first, at + 1); end >= 0 && end <= wordEnd; end = line.indexOf(first, end + 1))
    if (textEnd(line, end, text) >= 0) return end;
  return -1;
}

function written(part: Part): string {
  return 'text' in part ? JSON.stringify(part.text) : `{${part.hole}}`;
}

/** Takes a format apart. Throws a RangeError. */
function partsOf(format: string): Part[] {
  if (format.length > FORMAT_LIMIT_CHARS) throw new RangeError(`it has more than ${FORMAT_LIMIT_CHARS} characters`);
  const parts: Part[] = [];
  let text = '';
  const endText = (): void => {
    if (text !== '') parts.push({ text: text.replace(/\s+/g, ' ') });
    text = '';
  };
  for (let at = 0; at < format.length; at++) {
    if (format[at] !== '{' || format[at + 1] === '{') {
      text += format[at];
      if (format[at] === '{') at++;
      continue;
    }
    const where = `at character ${at + 1}`;
    const close = format.indexOf('}', at);
    if (close < 0) throw new RangeError(`{ ${where} is not closed (an opening brace itself is written twice)`);
    const name = format.slice(at + 1, close);
    const hole = HOLES.find((one) => one === name);
    if (hole === undefined) throw new RangeError(`{${name}} ${where} is none of {${HOLES.join('}, {')}}`);
    endText();
    const before = parts.at(-1);
    if (hole !== 'skip' && parts.some((part) => 'hole' in part && part.hole === hole))
      throw new RangeError(`{${name}} ${where} is there already`);
    if (before !== undefined && 'hole' in before && before.hole !== 'time' && before.hole !== 'pid')
      throw new RangeError(`{${name}} ${where} needs text between it and {${before.hole}}`);
    parts.push({ hole });
    at = close;
  }
  endText();
  if (!parts.some((part) => 'hole' in part)) throw new RangeError(`it has none of {${HOLES.join('}, {')}}`);
  return parts;
}
