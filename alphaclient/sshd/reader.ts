/**
 * From the bytes of a log to attempts and probes: lines, their headers, sshd's messages, its connections.
 * Pure: the clock and the file's time come in, and what the reader remembers can be saved and restored.
 */

import type { Trust } from '../../protocol/event.ts';
import type { ConnectionOptions, NumberedConnection } from './connection-changes.ts';
import { ConnectionTracker } from './connection-tracker.ts';
import { DuplicateLines } from './duplicate-lines.ts';
import { type EventListener, isoTime, type LocatedEvent } from './events.ts';
import type { HeaderFormat } from './header-format.ts';
import { HostIndex } from './host-index.ts';
import type { Entry } from './journal-entry.ts';
import { EntryParser } from './json-entry.ts';
import { withoutCr } from './latin1.ts';
import { ESCAPE, framesIn, isBigEndian, textIn, withoutColours } from './line-cleaning.ts';
import type { LineContext } from './line-context.ts';
import { LogText, logText, RecentTexts } from './log-text.ts';
import { parseMessage, parseMessageIn } from './message-parser.ts';
import { isDecision, type ParsedMessage, WRITTEN_ONCE } from './message-types.ts';
import { forgedIn, type RawLine, RawLines, type RawMessage } from './raw-lines.ts';
import { LastDecision, looksLikeRepetition, readLastRepeated, readRepeat } from './repeats.ts';
import type { SessionOptions } from './session-changes.ts';
import { SshdListener } from './sshd-listener.ts';
import { type Header, HeaderParser } from './syslog-header.ts';
import { TimestampParser } from './timestamp.ts';
import { ForgedMessages, type Forgery, looksLikeSshd, UnknownMessages, type UnknownShape } from './unknown-messages.ts';

const STATE_VERSION = 2;
/** PAM's modules may write more, but what is longer than this is nobody's message, and is not searched for one. */
export const READ_LIMIT_BYTES = 8_192;

/** Plain JSON with a version; saved in the same transaction as the events and the log's position. */
export type ReaderState = Readonly<Record<string, unknown>>;

/** True for a state that this version saved: sessions that were saved beside it are of the same moment. */
export const isCurrentState = (state: ReaderState | null | undefined): boolean => state?.['version'] === STATE_VERSION;

/** Values that the bytes do not contain. */
export interface ReadContext {
  /** The time at which the file was last written, Unix milliseconds: it decides the years of year-less lines. */
  readonly writtenMs: number;
  /** The clock, Unix milliseconds: when connections of a log without times are over. */
  readonly nowMs: number;
  /** The zone of local times; this machine's where absent. */
  readonly timeZone?: string;
}

/** The result of one line, for `explain`. */
export interface Inspection {
  /** `sshd`, `copy` (a line of sshd's again), `raw` (no header), `forged`, `json` (no journal entry), `repeated`, `other` (another program). */
  readonly writer: string;
  /** ISO 8601; null where the line has no time. */
  readonly at: string | null;
  readonly host: string | null;
  /** -1 where the line has none. */
  readonly pid: number;
  /** Null where no message was parsed, or no row of the table knows it. */
  readonly message: ParsedMessage | null;
}

/** Reads one log. However it is cut into chunks, and wherever `save` and a new reader come between, the events are the same. */
export class Reader {
  readonly #timestamps = new TimestampParser();
  readonly #entries = new EntryParser(this.#timestamps);
  readonly #headers: HeaderParser;
  readonly #rawLines: RawLines;
  readonly #texts = new RecentTexts();
  readonly #hosts = new HostIndex(() => [
    this.#lastDecision.host,
    ...this.#duplicates.hosts(),
    ...Array.from(this.#tracker.table.withSessions(), ({ host }) => host),
  ]);
  /** Gives the name of the host with this number, null for 0. While a connection that has the number is known, it is that host's. */
  readonly hostName = (number: number): string | null => this.#hosts.name(number);
  readonly #tracker: ConnectionTracker;
  readonly #lastDecision = new LastDecision();
  readonly #duplicates = new DuplicateLines();
  readonly #unknown = new UnknownMessages();
  readonly #forgeries = new ForgedMessages();
  /** Starts and stops of sshd's listener. */
  readonly sshdListener = new SshdListener();
  #readContext: ReadContext = { writtenMs: 0, nowMs: 0 };
  /** The line that is read; filled anew for each. */
  readonly #context: LineContext = { host: 0, pid: -1, ms: Number.NaN, line: 0, nowMs: 0, trust: 'syslog' };
  #lines = 0;
  #knownLines = 0;
  /** The byte order of a log in UTF-16, by its mark. */
  #isBigEndian = false;
  /** True once a line without any header was sshd's: then others are, too. */
  #isRawLog = false;
  #writer: Inspection['writer'] = 'other';
  #message: ParsedMessage | null = null;

  /**
   * `saved` is what `save` gave; a damaged or foreign state starts anew. Where there is a `listener`, it is given the events in
   * the order in which they are known, and `read`, `expire` and `end` give none. A `headerFormat` is tried before the built-in forms.
   * Where `sessions` is null nobody asks for their ends; where `connections` is null `save` gives them all.
   */
  constructor(
    saved?: ReaderState | null,
    listener: EventListener | null = null,
    headerFormat: HeaderFormat | null = null,
    sessions: SessionOptions | null = null,
    connections: ConnectionOptions | null = null,
  ) {
    this.#headers = new HeaderParser(this.#timestamps, headerFormat);
    this.#rawLines = new RawLines(this.#headers, this.#entries);
    const [ofSessions, ofConnections] = [sessions?.listener ?? null, connections?.listener ?? null];
    this.#tracker = new ConnectionTracker(this.hostName, listener, ofSessions, ofConnections);
    if (saved?.['version'] === STATE_VERSION || saved?.['version'] === 1)
      this.#restore(saved, sessions?.saved, connections?.saved ?? []);
  }

  /** Reads whole lines, each ended by LF; gives the events that they decide, in order. Never throws, whatever the bytes are. */
  read(bytes: Uint8Array, context: ReadContext): LocatedEvent[] {
    this.#readContext = context;
    this.#timestamps.setContext(context.writtenMs, context.timeZone);
    this.#context.nowMs = context.nowMs;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const log = new LogText(buffer, buffer.toString('latin1'), this.#texts);
    this.#duplicates.beginChunk(log);
    const { text } = log;
    const hasNul = text.includes('\0');
    const isPlain = !hasNul && !text.includes(ESCAPE);
    for (let from = 0; from < text.length; ) {
      const lf = text.indexOf('\n', from);
      const end = lf < 0 ? text.length : lf;
      this.#lines++;
      const known = isPlain && !this.#rawLines.isIncomplete ? this.#headers.parseKnown(log, from) : null;
      if (known?.writer === 'sshd') this.#takeOfSyslog(known, log, from, log.endWithoutCr(known.from, end));
      else this.#readOther(text.slice(from, end), known, from, hasNul);
      from = end + 1;
    }
    this.#duplicates.endChunk();
    return this.#tracker.take();
  }

  /** Reads a line, at `from` of its chunk, that is not known to be sshd's. In `read`, a rare case would make V8 compile all of that again. */
  #readOther(line: string, known: Header | null, from: number, hasNul: boolean): void {
    if (known !== null) this.#takeOther(line, known, known.from - from);
    else if (hasNul) this.#lineWithNul(line);
    else this.#line(withoutColours(line, this.#headers));
  }

  /** Reads one line in which NUL bytes may stand. */
  #lineWithNul(line: string): void {
    if (this.#lines === 1) this.#isBigEndian = isBigEndian(line);
    const [first = '', ...others] = line.includes('\0') ? textIn(line, this.#isBigEndian) : [line];
    this.#line(first);
    for (const text of others) {
      // What a hole has cut off does not continue behind it.
      this.#takeRaw(this.#rawLines.end());
      this.#line(text);
    }
  }

  /** Reads one line without its LF. */
  #line(text: string): void {
    const frames = framesIn(text);
    if (frames !== null) {
      for (const frame of frames) this.#line(frame);
      return;
    }
    if (this.#rawLines.isIncomplete) {
      this.#writer = 'raw';
      const whole = this.#rawLines.continue(text, this.#lines);
      if (whole !== null) {
        this.#takeRaw(whole);
        return;
      }
      this.#takeRaw(this.#rawLines.end());
    }
    const line = withoutCr(text);
    const header = this.#headers.parse(line);
    this.#writer = header.writer;
    switch (header.writer) {
      case 'sshd':
        this.#takeOfSyslog(header, logText(line), 0, header.end ?? line.length);
        return;
      case 'raw':
        if (header.from < text.length)
          this.#takeRaw(this.#rawLines.take({ ...header, text: text.slice(header.from) }, this.#lines, false));
        return;
      case 'json':
        this.#takeJson(line.slice(header.from), header.ms);
        return;
      case 'repeated':
        this.#setContext(0, -1, header.ms, this.#lines, 'syslog');
        this.#takeLastRepeated(line.slice(header.from));
        return;
      case 'timed':
        this.#takeContained({ ...header, text: text.slice(header.from) });
        return;
      case 'other':
        this.#takeOther(text, header, header.from);
    }
  }

  /** Takes a line of another program. What the header says besides the time begins at `from`. */
  #takeOther(text: string, header: Header, from: number): void {
    this.#writer = 'other';
    const line = withoutCr(text);
    this.#lastDecision.addOther(line, this.#lines);
    const contained = this.#rawLines.contained(text);
    if (contained !== null) this.#takeContained(contained);
    else if (this.#isRawLog && parseMessage(line.slice(from), true) !== null)
      // `kex_exchange_identification: ...` behind a time looks like a program's tag.
      this.#takeContained({ ...header, text: text.slice(from) });
    else if (this.#lastDecision.before(this.#lines) !== null && looksLikeRepetition(line.slice(from))) {
      this.#setContext(0, -1, header.ms, this.#lines, 'syslog');
      this.#takeUnknown(line.slice(from));
    }
  }

  /** Takes what a container wrote: a message of sshd's, or a line of a syslog in it. */
  #takeContained(contained: RawLine): void {
    const { text, ms } = contained;
    const line = withoutCr(text);
    const { writtenMs, timeZone } = this.#readContext;
    // A time without a year in it is of the year of the time around it.
    this.#timestamps.setContext(Number.isNaN(ms) ? writtenMs : ms, timeZone);
    const header = this.#headers.parse(line);
    this.#timestamps.setContext(writtenMs, timeZone);
    this.#writer = header.writer;
    if (header.writer === 'other') return;
    if (header.writer === 'sshd') {
      const lineMs = Number.isNaN(header.ms) ? ms : header.ms;
      const host = header.host === '' ? contained.host : header.host;
      this.#writer = 'sshd';
      this.#setContext(this.#hosts.number(host), header.pid, lineMs, this.#lines, 'forgeable');
      this.#take(line.slice(header.from, header.end), false);
    } else {
      this.#writer = 'raw';
      this.#takeRaw(this.#rawLines.take(contained, this.#lines, true));
    }
  }

  /** Takes a message of sshd's that a syslog wrote into the line that begins at `lineFrom` of a log. The message stands behind the header, up to `end`. */
  #takeOfSyslog(header: Header, log: LogText, lineFrom: number, end: number): void {
    const { ms, from } = header;
    this.#writer = 'sshd';
    this.#setContext(this.#hosts.number(header.host), header.pid, ms, this.#lines, 'syslog');
    const likeness = Number.isNaN(ms) ? 'first' : this.#duplicates.take(this.#context, log, lineFrom, from, end);
    if (likeness === 'copy') this.#writer = 'copy';
    else this.#takeIn(log, from, end, false, likeness === 'alike' && header.pid >= 0);
  }

  /** Takes a line of JSON, before which stood a time, or none (NaN). */
  #takeJson(line: string, lineMs: number): void {
    const entries = this.#entries.parse(line);
    for (const entry of entries ?? []) this.#takeEntry(entry, lineMs);
    if (entries !== null) return;
    this.#setContext(0, -1, Number.NaN, this.#lines, 'forgeable');
    this.#takeStray(line);
  }

  #takeEntry(entry: Entry, lineMs: number): void {
    const { writer, message } = entry;
    const ms = Number.isNaN(entry.ms) ? lineMs : entry.ms;
    if (writer === 'other') return;
    this.#writer = writer;
    if (writer === 'forged') this.#forgeries.add(message, isoTime(ms), this.#lines);
    else if (writer === 'contained') this.#takeContained({ ...entry, text: message, ms });
    else {
      this.#setContext(this.#hosts.number(entry.host), entry.pid, ms, this.#lines, entry.trust);
      // Some shippers leave the header in the message, beside what they found in it.
      const header = this.#headers.parse(message);
      this.#take(header.writer === 'sshd' ? message.slice(header.from, header.end) : message, false);
    }
  }

  /** Takes lines without a header. */
  #takeRaw(messages: readonly RawMessage[]): void {
    for (const { text, ms, line } of this.#rawLines.takeForged()) this.#forgeries.add(text, isoTime(ms), line);
    for (const { text, ms, pid, host, line, mayBeSshd } of messages) {
      if (mayBeSshd) for (const forged of forgedIn(text)) this.#forgeries.add(forged, isoTime(ms), line);
      this.#setContext(this.#hosts.number(host), pid, ms, line, 'forgeable');
      if (mayBeSshd) this.#take(text, true);
      else this.#takeStray(text);
    }
  }

  #setContext(host: number, pid: number, ms: number, line: number, trust: Trust): void {
    const context = this.#context;
    context.host = host;
    context.pid = pid;
    context.ms = ms;
    context.line = line;
    context.trust = trust;
  }

  /** Takes one message that is all of a text. */
  #take(text: string, isRaw: boolean): void {
    this.#takeIn(logText(text), 0, text.length, isRaw, false);
  }

  /** Takes the message from `from` to `end`. Without a header (`isRaw`) it need not be sshd's. `isAlike`: its line is like one before. */
  #takeIn(log: LogText, from: number, end: number, isRaw: boolean, isAlike: boolean): void {
    this.#message = null;
    if (end - from > READ_LIMIT_BYTES) {
      if (!isRaw || this.#isRawLog) this.#takeUnknown(log.slice(from, end));
      else this.#takeStray(log.slice(from, end));
      return;
    }
    const repeat = readRepeat(log, from, end);
    if (repeat !== null) {
      this.#knownLines++;
      this.#takeRepeated(this.#lastDecision.whole(repeat.message, this.#context), repeat.count);
      return;
    }
    const message = parseMessageIn(log, from, end, isRaw);
    this.#message = message;
    if (message === null) {
      // Without a header a log has to show itself as sshd's own, or the line itself.
      if (isRaw && !this.#isRawLog) this.#takeStray(log.slice(from, end));
      else if (end > from) this.#takeUnknown(log.slice(from, end));
      return;
    }
    this.#knownLines++;
    if (isRaw) this.#isRawLog = true;
    if (message.kind === 'ignored') this.sshdListener.take(message.row, log.slice(from, end), this.#context.ms);
    if (message.kind === 'ignored' || (isAlike && WRITTEN_ONCE.has(message.kind))) return;
    if (isDecision(message)) this.#lastDecision.set(log.slice(from, end), this.#context);
    if (message.kind === 'repeated') this.#takeLastRepeated(log.slice(from, end));
    else this.#tracker.apply(message, this.#context);
  }

  /** `last message repeated N times`: the line before this one, of whatever program, came again. */
  #takeLastRepeated(text: string): void {
    const context = this.#context;
    const count = readLastRepeated(text);
    const last = this.#lastDecision.before(context.line);
    // With a tag it says whose line came again.
    if (last === null || (context.pid >= 0 && context.pid !== last.pid)) return;
    if (count === null) this.#takeUnknown(text);
    if (count === null || count === 0) return;
    context.pid = last.pid;
    context.host = last.host;
    this.#takeRepeated(last.message, count);
    this.#lastDecision.set(last.message, context);
  }

  /** A message that came again `count` times. */
  #takeRepeated(text: string, count: number): void {
    const message = parseMessage(text, false);
    this.#message = message;
    if (message === null) this.#takeUnknown(text);
    else if (message.kind !== 'ignored' && message.kind !== 'repeated')
      this.#tracker.apply(message, this.#context, count);
  }

  /** Takes a line in no form that is known: it counts as unknown if it has sshd's words. */
  #takeStray(text: string): void {
    if (looksLikeSshd(text.slice(0, READ_LIMIT_BYTES))) this.#takeUnknown(text);
  }

  /** Counts a line of sshd's that is not understood. */
  #takeUnknown(text: string): void {
    this.#unknown.add(text, isoTime(this.#context.ms));
  }

  /** Ends the connections that are over by time on a quiet log; called every few seconds when all of the log is read. */
  expire(nowMs: number): LocatedEvent[] {
    this.#tracker.expire(nowMs);
    return this.#tracker.take();
  }

  /** Ends the log: what is still open becomes its event. */
  end(): LocatedEvent[] {
    this.#takeRaw(this.#rawLines.end());
    this.#tracker.end();
    return this.#tracker.take();
  }

  /** Counts lines since the beginning of this reader's state: all, those of sshd that are not understood, those forged under its name. */
  counts(): { lines: number; unknown: number; forged: number } {
    return { lines: this.#lines, unknown: this.#unknown.count, forged: this.#forgeries.count };
  }

  /** True where nearly all of sshd's lines, whose times are in whole seconds, are there twice: attempts may count twice. */
  get seemsWrittenTwice(): boolean {
    return this.#duplicates.seemsWrittenTwice;
  }

  /** Counts the lines that were messages of sshd and understood, of which most say nothing about an attempt. */
  get knownLines(): number {
    return this.#knownLines;
  }

  /** The shapes of unknown messages, most frequent first. */
  shapes(): readonly UnknownShape[] {
    return this.#unknown.shapes();
  }

  /** The first lines that other programs wrote under sshd's name. */
  forgeries(): readonly Forgery[] {
    return this.#forgeries.samples;
  }

  /** The lowest line that an event still to come can have. */
  firstOpenLine(): number {
    return this.#tracker.firstOpenLine();
  }

  /** The connections and sessions that are known. */
  get connections(): Pick<ConnectionTracker, 'table' | 'endSession' | 'isWaiting'> {
    return this.#tracker;
  }

  /** Returns the result of the last line, for `explain`. */
  inspect(): Inspection {
    const { ms, host, pid } = this.#context;
    return { writer: this.#writer, at: isoTime(ms), host: this.#hosts.name(host), pid, message: this.#message };
  }

  /** Returns the state that must outlive a restart. */
  save(): ReaderState {
    const { previousMs, previousLocalMs } = this.#timestamps;
    return {
      version: STATE_VERSION,
      lines: this.#lines,
      known: this.#knownLines,
      forgeries: this.#forgeries.save(),
      previousMs: Number.isNaN(previousMs) ? null : previousMs,
      previousLocalMs: Number.isNaN(previousLocalMs) ? null : previousLocalMs,
      hosts: this.#hosts.save(),
      joiner: this.#rawLines.save(),
      unknown: this.#unknown.count,
      raw: this.#isRawLog,
      bigEndian: this.#isBigEndian,
      last: this.#lastDecision.save(),
      recentLines: this.#duplicates.save(),
      connections: this.#tracker.save(),
      shapes: this.#unknown.shapes(),
      listener: this.sshdListener.save(),
    };
  }

  #restore(saved: ReaderState, sessions: readonly unknown[] | undefined, rows: readonly NumberedConnection[]): void {
    if (Number.isSafeInteger(saved['lines'])) this.#lines = saved['lines'] as number;
    if (Number.isSafeInteger(saved['known'])) this.#knownLines = saved['known'] as number;
    if (typeof saved['previousMs'] === 'number') this.#timestamps.previousMs = saved['previousMs'];
    if (typeof saved['previousLocalMs'] === 'number') this.#timestamps.previousLocalMs = saved['previousLocalMs'];
    this.#isRawLog = saved['raw'] === true;
    this.#isBigEndian = saved['bigEndian'] === true;
    this.#forgeries.restore(saved['forgeries']);
    this.#hosts.restore(saved['hosts']);
    this.#rawLines.restore(saved['joiner']);
    this.#lastDecision.restore(saved['last']);
    this.#duplicates.restore(saved['recentLines']);
    this.sshdListener.restore(saved['listener']);
    if (saved['version'] === 1) this.#tracker.restoreVersion1(saved['connections']);
    else this.#tracker.restore(saved['connections'], rows, sessions);
    this.#unknown.restore(saved['unknown'], saved['shapes']);
  }
}
