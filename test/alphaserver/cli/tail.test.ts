/** `alphaserver tail`: events as they are stored, whatever becomes of the store meanwhile. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { EventTailer } from '../../../alphaserver/cli/event-tailer.ts';
import { tailLine } from '../../../alphaserver/cli/tail-line.ts';
import { openStorage, type Storage } from '../../../alphaserver/storage.ts';
import type { StoredEvent } from '../../../alphaserver/store/store.ts';
import { width } from '../../../service/terminal/display-width.ts';
import { Program } from '../../programs.ts';
import { until } from '../../until.ts';

const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
const AT = '2026-11-24T12:00:00.000Z';

/** Appends events of one agent, one after the other. */
class Appending {
  readonly store: Storage;
  #seq: number;
  constructor(folder: string, retentionMs: number | null = null) {
    this.store = openStorage(folder, { retentionMs, now: () => Date.parse(AT) });
    this.#seq = this.store.events.markOf(AGENT).lastSeq;
  }
  async events(count: number, more: object = {}, storedAt = Date.parse(AT)): Promise<void> {
    const events = Array.from({ length: count }, () => {
      this.#seq += 1;
      const event = {
        at: AT,
        outcome: 'failed',
        method: 'password',
        user: `user${this.#seq}`,
        invalidUser: false,
        ip: '192.0.2.1',
        port: 22,
        ...more,
      } as const;
      return { seq: this.#seq, event };
    });
    await this.store.append([{ agent: AGENT, host: 'web', events }], storedAt);
  }
}

describe('following a store', () => {
  let folder: string;
  let appending: Appending;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'asgard-tail-'));
    appending = new Appending(folder);
  });
  afterEach(async () => {
    await appending.store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const all = (following: EventTailer): number[] => {
    const ids: number[] = [];
    for (let events = following.next(); events.length > 0; events = following.next())
      ids.push(...events.map(({ id }) => id));
    return ids;
  };
  const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

  it('begins after the newest event, and gives each that comes once, however many come at once', async () => {
    await appending.events(3);
    const following = new EventTailer(folder, null);
    assert.deepEqual(all(following), []);
    await appending.events(1_201);
    assert.deepEqual(all(following), range(4, 1_204));
    assert.deepEqual(all(following), []);
    following.close();
  });

  it('begins with the first stored event of a time', async () => {
    await appending.events(2, { at: '2026-11-20T00:00:00.000Z' });
    await appending.events(2);
    const following = new EventTailer(folder, Date.parse('2026-11-24T00:00:00Z'));
    assert.deepEqual(all(following), [3, 4]);
    const later = new EventTailer(folder, Date.parse('2026-11-25T00:00:00Z'));
    assert.deepEqual(all(later), []);
    await appending.events(1);
    assert.deepEqual(all(later), [5]);
    for (const one of [following, later]) one.close();
  });

  it('goes on after a restart of the server, and after retention has taken everything', async () => {
    await appending.events(2, {}, Date.parse(AT) - 10_000);
    const following = new EventTailer(folder, null);
    await appending.store.close();
    // Takes what is older than a second.
    appending = new Appending(folder, 1_000);
    await until(() => {
      const kept = new EventTailer(folder, 0);
      const [event] = kept.next();
      kept.close();
      return event === undefined;
    });
    await appending.events(2);
    assert.deepEqual(all(following), [3, 4]);
    following.close();
  });

  it('reads a new store in the folder from its beginning, and goes on in a backup that was put back', async () => {
    await appending.events(2);
    await appending.store.close();
    const backup = `${folder}.backup`;
    cpSync(folder, backup, { recursive: true });
    appending = new Appending(folder);
    await appending.events(3);
    const following = new EventTailer(folder, 0);
    assert.deepEqual(all(following), range(1, 5));
    await appending.store.close();
    try {
      renameSync(folder, `${folder}.old`);
      renameSync(backup, folder);
      appending = new Appending(folder);
      await appending.events(1);
      // It knew events 1 to 5 of what the backup had 1 and 2 of: what is in it since is new.
      assert.deepEqual(all(following), []);
      await appending.events(1);
      assert.deepEqual(all(following), [4]);
      await appending.store.close();
      rmSync(folder, { recursive: true });
      appending = new Appending(folder);
      await appending.events(2);
      assert.deepEqual(all(following), [1, 2]);
      following.close();
    } finally {
      rmSync(`${folder}.old`, { recursive: true, force: true });
    }
  });

  describe('by the command', () => {
    const tail = (...args: string[]): Program =>
      new Program('alphaserver/main.ts', { ALPHASERVER_DATA: folder }, ['tail', ...args]);

    it('shows events as they come, of one host, and ends with 0 on Ctrl-C', async () => {
      await appending.events(1);
      const program = tail('--json', '--host', 'db', '--since', '2026-11-24');
      try {
        await appending.events(2, { host: 'db', user: 'a\u001b[2J\u202eb' });
        await program.says('\n');
        await until(() => program.output.split('\n').length === 3);
        const lines = program.output.trimEnd().split('\n');
        assert.deepEqual(
          lines.map((line) => (JSON.parse(line) as StoredEvent).id),
          [2, 3],
        );
        assert.equal((JSON.parse(lines[0] ?? '') as StoredEvent).user, 'a\u001b[2J\u202eb');
        assert.ok(program.output.includes('"a\\u001b[2J\\u202eb"'));
        assert.equal(await program.end('SIGINT'), 0);
      } finally {
        program.child.kill('SIGKILL');
      }
    });

    it('ends quietly when nobody reads any more', async () => {
      await appending.events(1);
      const program = tail('--since', '2026-11-24');
      try {
        await program.says('user1');
        program.child.stdout?.destroy();
        let ended = false;
        const code = program.ended.then((exit) => {
          ended = true;
          return exit;
        });
        // Each is a write into the closed pipe; the first may still fit.
        await until(async () => {
          await appending.events(1);
          return ended;
        });
        assert.equal(await code, 0);
        assert.doesNotMatch(program.output, /Error|EPIPE/);
      } finally {
        program.child.kill('SIGKILL');
      }
    });
  });
});

describe('a line of tail', () => {
  const event = (more: Partial<StoredEvent> = {}): StoredEvent => ({
    id: 1,
    seq: 1,
    at: '2026-11-24T12:34:56.789Z',
    storedAt: AT,
    agent: AGENT,
    host: 'web',
    outcome: 'failed',
    method: 'password',
    user: 'root',
    invalidUser: false,
    ip: '192.0.2.1',
    port: 4711,
    key: null,
    reason: null,
    ...more,
  });
  const line = (more: Partial<StoredEvent>, columns?: number) => tailLine(event(more), { columns, colour: false });

  it('says who, where, from where and how, as far as there is room', () => {
    assert.equal(
      line({}),
      '2026-11-24 12:34:56 failed   web              root                 192.0.2.1:4711        password',
    );
    assert.equal(line({}, 80), '12:34:56 failed   web        root         192.0.2.1       password');
    assert.equal(line({}, 40), '12:34:56 failed   192.0.2.1 root@web');
    assert.match(line({ ip: '2001:db8::1' }), / \[2001:db8::1\]:4711 /);
    assert.match(
      line({ outcome: 'probe', method: null, user: null, ip: null, port: null, reason: 'timeout' }),
      / probe +web +- +- +timeout$/,
    );
    assert.match(line({ user: '', invalidUser: true }), / \(empty\) .* password, invalid user$/);
  });

  it('never is wider than the terminal, and never loses the source to a long name', () => {
    const long = { user: 'u'.repeat(1_000), host: '漢'.repeat(200), reason: 'r'.repeat(500) };
    for (const columns of [40, 60, 80, 100, 200]) {
      const text = line(long, columns);
      assert.ok(width(text) <= columns, text);
      assert.match(text, /192\.0\.2\.1\b/);
      const ip = '2001:db8:1111:2222:3333:4444:5555:6666';
      const six = line({ ...long, ip }, columns);
      assert.ok(width(six) <= columns, six);
      if (columns > 40) assert.ok(six.includes(ip), six);
    }
  });

  it('shows what others chose as text', () => {
    assert.match(line({ user: 'a\u001b[2J\u202eb\n' }), / a\\u001b\[2J\\u202eb\\u000a /);
    assert.ok(!line({ user: '\u001b', host: '\u001b', reason: '\u001b', key: '\u001b' }).includes('\u001b'));
  });
});
