/**
 * One line of JSON: an entry of the journal, a line of a container's log, an entry of macOS's log, and what log shippers write (syslog-ng,
 * rsyslog, fluentd, fluent-bit, Vector, filebeat, Logstash, GELF). Each calls the parts of a line by names of its own.
 */

import { type Entry, journalEntry } from './journal-entry.ts';
import { decoded, encoded } from './latin1.ts';
import { isSshd } from './sshd-tag.ts';
import type { TimestampParser } from './timestamp.ts';

/** Names of fields in lower case and without what is between their words; those of nested objects joined: `log.syslog.appname`. */
const MESSAGES = [
  'message',
  'msg',
  'shortmessage',
  'log',
  'eventmessage',
  'rawmsg',
  'fullmessage',
  'eventoriginal',
  // Azure, Google Cloud, OpenTelemetry, Splunk and its collector, Loki, Elasticsearch, and whoever writes by hand
  'syslogmessage',
  'textpayload',
  'jsonpayloadmessage',
  'body',
  'bodystringvalue',
  'raw',
  'resultraw',
  'event',
  'line',
  'sourcemessage',
  'logmessage',
  'text',
  'content',
  'data',
  'payload',
];

const PROGRAMS = [
  'program',
  'ident',
  'identifier',
  'appname',
  'applicationname',
  'programname',
  'syslogtag',
  'processimagepath',
  'processname',
  'processprogram',
  'process',
  'logsyslogappname',
  'syslogappname',
  'syslogidentifier',
  'syslogprogram',
  'sourcename',
];
/** Names of fields that may hold the program, and hold something else as often. */
const POSSIBLE_PROGRAMS = [
  'prog',
  'app',
  'application',
  'tag',
  'service',
  'servicename',
  'attributesappname',
  'processexecutablename',
];
const PIDS = [
  'pid',
  'procid',
  'processid',
  'processpid',
  'logsyslogprocid',
  'syslogprocid',
  'syslogpid',
  'journaldpid',
];
const HOSTS = [
  'hostname',
  'host',
  'hosthostname',
  'logsource',
  'sourcehost',
  'logsysloghostname',
  'sysloghostname',
  'fromhost',
  'computer',
];
const TIMES = [
  'isodate',
  '@timestamp',
  'timestamp',
  'timereported',
  'time',
  'eventtime',
  'datetime',
  'date',
  'ts',
  'timegenerated',
  'timeunixnano',
];
/** Objects are read up to this depth. */
const DEPTH_LIMIT = 3;
/** A time is parsed where a line goes on behind it. */
const BEHIND_TIME = ' '.repeat(16);
/** `sshd[123]:`, where a field holds a whole tag. */
const TAG = /^([^[:]+)(?:\[(\d{1,10})\])?:?$/;
/** From which number on a time is in milliseconds, microseconds, nanoseconds: before, it is in seconds until the year 5138. */
const UNITS_MS = [
  [1e17, 1e-6],
  [1e14, 1e-3],
  [1e11, 1],
  [0, 1_000],
] as const;

type Fields = ReadonlyMap<string, string | number>;

/** Parses lines of JSON. Times in words are parsed by the same parser as those of other lines. */
export class EntryParser {
  readonly #timestamps: TimestampParser;

  constructor(timestamps: TimestampParser) {
    this.#timestamps = timestamps;
  }

  /** Parses a line of one JSON object, or of an array of them; null where it is neither, or one has no message. */
  parse(line: string): Entry[] | null {
    const entries = objectsIn(line).map((object) => this.#entry(object));
    return entries.length > 0 && entries.every((entry) => entry !== null) ? entries : null;
  }

  #entry(object: Readonly<Record<string, unknown>>): Entry | null {
    const journal = journalEntry(object);
    if (journal !== null && !Number.isNaN(journal.ms)) return journal;
    const fields = new Map<string, string | number>();
    flatten(object, '', DEPTH_LIMIT, fields);
    const ms = this.#timeIn(fields);
    if (journal !== null) return { ...journal, ms };
    const message = textOf(fields, MESSAGES);
    if (message === '') return null;
    const possible = textOf(fields, POSSIBLE_PROGRAMS).toLowerCase();
    const tag = textOf(fields, PROGRAMS) || (isSshd(TAG.exec(possible)?.[1] ?? '') ? possible : '');
    const [, program = tag, taggedPid] = TAG.exec(tag) ?? [];
    const pid = PIDS.map((name) => Number(fields.get(name) ?? Number.NaN)).find(
      (one) => Number.isSafeInteger(one) && one >= 0,
    );
    return {
      message: encoded(message.replace(program === '' ? /\n$/ : /^ |\n$/g, '')),
      writer: program === '' ? 'contained' : isSshd(program.toLowerCase()) ? 'sshd' : 'other',
      pid: pid ?? Number(taggedPid ?? -1),
      host: encoded(textOf(fields, HOSTS)),
      ms,
      trust: program === '' ? 'forgeable' : 'syslog',
    };
  }

  /** The first time among the fields that is one. */
  #timeIn(fields: Fields): number {
    for (const name of TIMES) {
      const value = fields.get(name);
      if (value === undefined || value === '') continue;
      const number = Number(value);
      if (number > 0) return Math.floor(number * (UNITS_MS.find(([from]) => number >= from)?.[1] ?? 1));
      if (this.#timestamps.parse(`${value}${BEHIND_TIME}`) >= 0) return this.#timestamps.ms;
    }
    return Number.NaN;
  }
}

/** The object or the objects that a line is, behind which a comma may stand; none where it is anything else. */
function objectsIn(line: string): Readonly<Record<string, unknown>>[] {
  try {
    const value: unknown = JSON.parse(decoded(line).replace(/,\s*$/, ''));
    const all: unknown[] = Array.isArray(value) ? value : [value];
    const isObject = (one: unknown): one is Readonly<Record<string, unknown>> =>
      typeof one === 'object' && one !== null && !Array.isArray(one);
    return all.every(isObject) ? all : [];
  } catch {
    return [];
  }
}

/** Collects texts and numbers by their names; a name that stands further out counts. */
function flatten(object: object, prefix: string, depth: number, into: Map<string, string | number>): void {
  const nested: [string, object][] = [];
  for (const [key, value] of Object.entries(object) as [string, unknown][]) {
    const name = prefix + key.toLowerCase().replace(/[^a-z0-9@]/g, '');
    if (typeof value === 'string' || typeof value === 'number') {
      if (!into.has(name)) into.set(name, value);
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value) && depth > 1)
      nested.push([name, value]);
  }
  for (const [name, value] of nested) flatten(value, name, depth - 1, into);
}

/** The first of these fields that is a text with something in it. */
function textOf(fields: Fields, names: readonly string[]): string {
  for (const name of names) {
    const value = fields.get(name);
    if (typeof value === 'string' && value !== '') return value;
  }
  return '';
}
