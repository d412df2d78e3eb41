/** Counts what a scan did not read or did not understand, for one line at its end. */
import { escapeText } from '../../service/escape.ts';
import { grouped } from '../../service/terminal/grouped.ts';
import { LOG_LINE_LIMIT_BYTES } from '../log/source.ts';
import type { Reader } from '../sshd/reader.ts';
import type { UnknownShape } from '../sshd/unknown-messages.ts';

/** The longest part of a line that the words show. */
const SAMPLE_LIMIT_CHARS = 120;

/** The coverage of any number of logs. */
export class ScanCoverage {
  #unreadFiles = 0;
  #cutLines = 0;
  #lines = 0;
  /** Lines under sshd's name, understood or not. */
  #sshdLines = 0;
  #unknownLines = 0;
  #mostFrequent: UnknownShape | null = null;

  /** Counts a file that could not be read, or not to its end. */
  missFile(): void {
    this.#unreadFiles++;
  }

  /** Counts lines that were read up to LOG_LINE_LIMIT_BYTES only. */
  cut(lines: number): void {
    this.#cutLines += lines;
  }

  /** Adds the lines of a reader whose log is at its end. */
  endLog(reader: Reader): void {
    const { lines, unknown, forged } = reader.counts();
    this.#lines += lines;
    this.#sshdLines += reader.knownLines + unknown + forged;
    if (unknown === 0) return;
    this.#unknownLines += unknown;
    const [first] = reader.shapes();
    if (first !== undefined && first.count > (this.#mostFrequent?.count ?? 0)) this.#mostFrequent = first;
  }

  get unreadFiles(): number {
    return this.#unreadFiles;
  }

  get cutLines(): number {
    return this.#cutLines;
  }

  /** True where every byte was read. Unknown lines were read: they are reported, and no failure. */
  get isComplete(): boolean {
    return this.#unreadFiles + this.#cutLines === 0;
  }

  /** Returns what is missing in one line without its end, or null where all was read and understood, and sshd's lines are among it. */
  words(): string | null {
    const unread = [
      this.#unreadFiles > 0 ? `${counted(this.#unreadFiles, 'file')}` : '',
      this.#cutLines > 0
        ? `the rest of ${counted(this.#cutLines, 'line')} longer than ${grouped(LOG_LINE_LIMIT_BYTES)} bytes`
        : '',
    ].filter(Boolean);
    const sample = escapeText(this.#mostFrequent?.sample ?? '', SAMPLE_LIMIT_CHARS);
    const parts = [
      unread.length > 0 ? `not read: ${unread.join(', and ')}` : '',
      this.#unknownLines > 0
        ? `not understood: ${counted(this.#unknownLines, 'line')} of sshd, such as "${sample}"; alphaclient explain shows why`
        : '',
      this.#lines > 0 && this.#sshdLines === 0 ? `none of ${counted(this.#lines, 'line')} is of sshd` : '',
    ].filter(Boolean);
    return parts.length > 0 ? parts.join('; ') : null;
  }
}

const counted = (count: number, noun: string): string => `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
