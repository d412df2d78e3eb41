/**
 * What the version before saved is taken over: a reader's state, and the state folder of an agent that was stopped with connections
 * open, and whose log was rotated meanwhile. Fixtures: test/fixtures/version-1, as that version wrote them, with the events that it
 * made of the rest of the log itself.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { OUTBOX_FILE } from '../../alphaclient/outbox/outbox.ts';
import { Reader } from '../../alphaclient/sshd/reader.ts';
import type { LoginEvent } from '../../protocol/event.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'version-1');
const NOW = Date.UTC(2026, 10, 20, 9);

function lines<T>(file: string): T[] {
  const text = readFileSync(join(FIXTURES, file), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

interface SavedReader {
  readonly form: string;
  readonly state: Record<string, unknown>;
  /** What the log goes on with, Latin-1, and the events of it. */
  readonly rest: string;
  readonly events: readonly LoginEvent[];
}

/** A user name in the form that version 1 did not have: without sshd's escapes (vis(3)), which it may have written twice. */
function plain(user: string | null): string | null {
  if (user === null || !user.includes('\\')) return user;
  const bytes = user.replace(/\\+([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal as string, 8)));
  return Buffer.from(bytes.replace(/\\+/g, '\\'), 'latin1').toString('utf8');
}

describe('the state of a reader of version 1', () => {
  for (const { form, state, rest, events } of lines<SavedReader>('readers.ndjson'))
    test(`is taken over: ${form}`, () => {
      const reader = new Reader(state);
      const bytes = Buffer.from(rest, 'latin1');
      const located = [
        ...reader.read(bytes, { writtenMs: NOW + 86_400_000, nowMs: NOW, timeZone: 'UTC' }),
        ...reader.end(),
      ];
      assert.deepEqual(
        located.map(({ event, line }) => ({ line, ...event, user: plain(event.user) })),
        events.map((event) => ({ ...event, user: plain(event.user) })),
      );
    });
});

describe('the state folder of an agent of version 1', () => {
  let pair: Pair;
  beforeEach(async () => {
    pair = await Pair.make();
  });
  afterEach(() => pair.close());

  /** Writes the outbox as it was when the log had been read up to here. */
  function makeOutbox(): void {
    const { ino, dev, birthtimeNs } = statSync(pair.logFile, { bigint: true });
    const text = readFileSync(join(FIXTURES, 'outbox.json'), 'utf8')
      .replaceAll('{folder}', pair.folder)
      .replace('{id}', `${dev}:${ino}`)
      .replace('{born}', `${birthtimeNs}`);
    const { meta, events } = JSON.parse(text) as { meta: Record<string, unknown>; events: unknown[] };
    mkdirSync(join(pair.folder, 'agent'), { mode: 0o700 });
    const db = new DatabaseSync(join(pair.folder, 'agent', OUTBOX_FILE));
    db.exec(`
      PRAGMA auto_vacuum = INCREMENTAL;
      CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE events (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
      CREATE TABLE gaps (id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, bytes INTEGER, lines INTEGER);
    `);
    for (const [key, value] of Object.entries(meta))
      db.prepare('INSERT INTO meta VALUES (?, ?)').run(key, JSON.stringify(value));
    for (const [i, body] of events.entries())
      db.prepare('INSERT INTO events VALUES (?, ?)').run(i + 1, JSON.stringify(body));
    db.close();
  }

  async function events(): Promise<LoginEvent[]> {
    const { events: all } = await pair.api<{ events: LoginEvent[] }>('/api/events?limit=100');
    return all;
  }

  const byText = (all: readonly LoginEvent[]): string[] =>
    all
      .map(
        ({
          at,
          outcome,
          method = null,
          user = null,
          invalidUser = null,
          ip = null,
          port = null,
          key = null,
          reason = null,
        }) => JSON.stringify({ at, outcome, method, user: plain(user), invalidUser, ip, port, key, reason }),
      )
      .sort();

  for (const compressed of [false, true])
    test(`is taken over, with the log ${compressed ? 'rotated and compressed' : 'rotated'} meanwhile`, async () => {
      const unread = readFileSync(join(FIXTURES, 'unread.log'));
      const half = unread.indexOf(10, unread.length / 2) + 1;
      writeFileSync(pair.logFile, readFileSync(join(FIXTURES, 'read.log')));
      makeOutbox();
      writeFileSync(pair.logFile, unread.subarray(0, half), { flag: 'a' });
      renameSync(pair.logFile, `${pair.logFile}.1`);
      if (compressed) {
        writeFileSync(`${pair.logFile}.1.gz`, gzipSync(readFileSync(`${pair.logFile}.1`)));
        renameSync(`${pair.logFile}.1`, join(pair.folder, 'elsewhere'));
      }
      writeFileSync(pair.logFile, unread.subarray(half));
      await pair.serving();
      const agent = pair.agent({ TZ: 'UTC' });
      const expected = lines<LoginEvent>('events.ndjson');
      await until(
        async () => (await events()).length >= expected.length,
        () => agent.output,
      );
      assert.deepEqual(byText(await events()), byText(expected));
      assert.match((await pair.command('status')).output, /^lost\s+0 lines declared$/m);
    });
});
