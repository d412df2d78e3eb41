/** Summarizes the events of logs as tables for people: `scan --summary`. */

import type { Writable } from 'node:stream';
import type { Outcome } from '../../protocol/event.ts';
import { escapeJson, escapeText } from '../../service/escape.ts';
import { grouped } from '../../service/terminal/grouped.ts';
import { type Terminal, terminalOf } from '../../service/terminal/style.ts';
import { table } from '../../service/terminal/table.ts';
import type { LocatedEvent } from '../sshd/events.ts';
import type { Reader } from '../sshd/reader.ts';
import type { UnknownShape } from '../sshd/unknown-messages.ts';
import type { ScanCoverage } from './scan-coverage.ts';
import { Tally } from './tally.ts';

const TOP = 10;

/** Counts the events of any number of logs. Its memory is bounded by its tallies. */
export class ScanSummary {
  readonly #outcomes: Record<Outcome, number> = { accepted: 0, failed: 0, probe: 0 };
  readonly #methods = new Tally();
  readonly #sources = new Tally();
  readonly #users = new Tally();
  readonly #hosts = new Tally();
  #first: string | null = null;
  #last: string | null = null;
  #lines = 0;
  /** Lines of sshd that are understood. */
  #known = 0;
  #unknown = 0;
  #forged = 0;
  #shapes: UnknownShape[] = [];

  /** Counts events. */
  add(located: readonly LocatedEvent[]): void {
    for (const { event } of located) {
      const { outcome, at, ip, user, host, method } = event;
      this.#outcomes[outcome]++;
      if (at !== null) {
        if (this.#first === null || at < this.#first) this.#first = at;
        if (this.#last === null || at > this.#last) this.#last = at;
      }
      if (ip !== null) this.#sources.count(ip, outcome);
      if (user !== null) this.#users.count(user, outcome);
      if (host !== null && host !== undefined) this.#hosts.count(host, outcome);
      if (method !== null) this.#methods.count(method, outcome);
    }
  }

  /** Adds the counts of a reader whose log is at its end. */
  endLog(reader: Reader): void {
    const { lines, unknown, forged } = reader.counts();
    this.#lines += lines;
    this.#known += reader.knownLines;
    this.#unknown += unknown;
    this.#forged += forged;
    this.#shapes.push(...reader.shapes());
  }

  /** Formats the summary for a stream: to its width, and in colour where it takes colour. */
  text(stream: Writable, { isComplete }: ScanCoverage): string {
    const terminal = terminalOf(stream);
    const { accepted, failed, probe } = this.#outcomes;
    const parts = [
      `${grouped(accepted + failed)} attempts, ${grouped(probe)} probes in ${grouped(this.#lines)} lines${this.#span()}\n`,
      table(
        [{ title: 'outcome' }, { title: 'events', number: true }],
        [
          ['accepted', accepted],
          ['failed', failed],
          ['probe', probe],
        ],
        terminal,
      ),
      this.#top('method', this.#methods, terminal),
      this.#top('source', this.#sources, terminal),
      this.#top('user', this.#users, terminal),
      this.#top('host', this.#hosts, terminal),
      this.#unknownLines(terminal),
      this.#hint(isComplete),
    ];
    return parts.filter((part) => part !== '').join('\n');
  }

  /** Formats the summary as one JSON object on a line, with the same numbers and lists. */
  json({ unreadFiles, cutLines }: ScanCoverage): string {
    const { accepted, failed, probe: probes } = this.#outcomes;
    return `${escapeJson({
      attempts: accepted + failed,
      accepted,
      failed,
      probes,
      firstAt: this.#first,
      lastAt: this.#last,
      lines: this.#lines,
      linesUnknown: this.#unknown,
      linesForged: this.#forged,
      linesCut: cutLines,
      filesUnread: unreadFiles,
      methods: ranked('method', this.#methods),
      sources: ranked('ip', this.#sources),
      users: ranked('user', this.#users),
      hosts: ranked('host', this.#hosts),
      unknown: this.#unknownShapes().map(({ count, sample }) => ({ count, sample })),
    })}\n`;
  }

  /** The most frequent shapes of all logs. */
  #unknownShapes(): UnknownShape[] {
    return this.#shapes.sort((a, b) => b.count - a.count).slice(0, TOP);
  }

  /**
   * Says what it means that there is no event. It says that nobody tries to log in only where all was read, and sshd's lines are among it and
   * understood; without any, it is most likely the wrong log.
   */
  #hint(isComplete: boolean): string {
    const { accepted, failed, probe } = this.#outcomes;
    if (accepted + failed + probe + this.#unknown + this.#forged > 0) return '';
    if (this.#lines === 0) return 'Nothing was read.\n';
    if (this.#known === 0)
      return 'None of these lines is of sshd, which writes to auth.log or secure in /var/log, or to the journal:\njournalctl -o json -t sshd -t sshd-session | alphaclient scan --summary -\n';
    const known = `${grouped(this.#known)} lines of sshd were read`;
    return isComplete ? `Nobody tries to log in here: ${known}.\n` : `${known}, but not all that there is.\n`;
  }

  #span(): string {
    if (this.#first === null || this.#last === null) return '';
    const shown = (at: string): string => at.slice(0, 19).replace('T', ' ');
    return `, ${shown(this.#first)} to ${shown(this.#last)} UTC`;
  }

  #top(title: string, tally: Tally, terminal: Terminal): string {
    if (tally.size === 0) return '';
    const columns = [
      {
        title: tally.size > TOP ? `${title} (${TOP} of ${grouped(tally.size)}${tally.full ? ' and more' : ''})` : title,
      },
      // Dropped where the line is too short, the attempts first: they are the sum of the next two.
      ...['attempts', 'accepted', 'failed', 'probes'].map((name, i) => ({ title: name, number: true, spare: 4 - i })),
    ];
    return table(
      columns,
      tally
        .top(TOP)
        .map(({ name, accepted, failed, probe }) => [
          name === '' ? '(empty)' : name,
          accepted + failed,
          accepted,
          failed,
          probe,
        ]),
      terminal,
    );
  }

  #unknownLines(terminal: Terminal): string {
    const forged =
      this.#forged > 0
        ? `${grouped(this.#forged)} lines under sshd's name were written by other programs and are not counted\n`
        : '';
    if (this.#unknown === 0) return forged;
    return `${forged}${grouped(this.#unknown)} lines of sshd that are not understood\n${table(
      [{ title: 'lines', number: true }, { title: 'for example' }],
      this.#unknownShapes().map(({ count, sample }) => [count, escapeText(sample, 200)]),
      terminal,
    )}`;
  }
}

/** Returns the largest counts of a tally, each with its name under `key`. */
const ranked = (key: string, tally: Tally): unknown[] =>
  tally.top(TOP).map(({ name, accepted, failed, probe: probes }) => ({
    [key]: name,
    attempts: accepted + failed,
    accepted,
    failed,
    probes,
  }));
