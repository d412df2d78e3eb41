/** Connections before their login are saved one by one: a commit writes those that changed. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import {
  ConnectionChanges,
  type ConnectionUpdate,
  type NumberedConnection,
} from '../../../alphaclient/sshd/connection-changes.ts';
import { OPEN_LIMIT_CONNECTIONS } from '../../../alphaclient/sshd/connection-table.ts';
import { Reader, type ReaderState } from '../../../alphaclient/sshd/reader.ts';

const NOW = Date.UTC(2026, 10, 24, 12);
const CONTEXT = { writtenMs: NOW, nowMs: NOW, timeZone: 'UTC' };

const line = (pid: number, message: string): string => `Nov 20 10:00:00 web sshd[${pid}]: ${message}\n`;
const opened = (pid: number): string => line(pid, `Invalid user u${pid} from 192.0.2.1 port ${pid}`);
const closed = (pid: number): string =>
  line(pid, `Connection closed by invalid user u${pid} 192.0.2.1 port ${pid} [preauth]`);
const failed = (pid: number): string => line(pid, `Failed password for root from 192.0.2.1 port ${pid} ssh2`);
const times = (count: number, of: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => of(i)).join('');

/** A reader whose connections are saved one by one, from a state and what was saved with it. */
class Life {
  readonly #changes = new ConnectionChanges();
  readonly reader: Reader;

  constructor(state: ReaderState | null, saved: readonly NumberedConnection[] = []) {
    this.reader = new Reader(state, null, null, null, { listener: this.#changes, saved });
  }

  read(text: string): (string | null)[] {
    return this.reader.read(Buffer.from(text), CONTEXT).map(({ event }) => event.user);
  }

  take(): ConnectionUpdate {
    return JSON.parse(JSON.stringify(this.#changes.take())) as ConnectionUpdate;
  }

  get state(): ReaderState {
    return JSON.parse(JSON.stringify(this.reader.save())) as ReaderState;
  }
}

const numbersOf = ({ saved }: ConnectionUpdate): number[] => saved.map(([number]) => number);

test('a commit writes the connections that changed, not those that are open', () => {
  const life = new Life(null);
  life.read(times(500, (i) => opened(i + 1)));
  equal(life.take().saved.length, 500);
  life.read(failed(7));
  deepEqual(numbersOf(life.take()), [6]);
  life.read(closed(7) + closed(9));
  const { isWhole, removed } = life.take();
  deepEqual([isWhole, removed], [false, [6, 8]]);
  deepEqual(life.take(), { isWhole: false, saved: [], removed: [] });
  deepEqual(Object.keys(life.state['connections'] as object).includes('open'), false);
});

test('one that came and went between two commits leaves nothing to write', () => {
  const life = new Life(null);
  life.take();
  life.read(failed(1) + line(1, 'Accepted password for root from 192.0.2.1 port 1 ssh2'));
  deepEqual(life.take(), { isWhole: false, saved: [], removed: [] });
});

test('a state that has its connections in itself is taken over, and the first commit writes all', () => {
  const before = new Reader();
  before.read(Buffer.from(opened(1) + opened(2)), CONTEXT);
  const state = JSON.parse(JSON.stringify(before.save())) as ReaderState;
  // What was saved one by one is of a time before: it is not read.
  const life = new Life(state, [[77, ['other']]]);
  const update = life.take();
  deepEqual([update.isWhole, numbersOf(update)], [true, [0, 1]]);
  deepEqual(new Life(life.state, update.saved).read(closed(1) + closed(2)), ['u1', 'u2']);
});

test('what is damaged is left out, and not written again', () => {
  const first = new Life(null);
  first.read(opened(1) + opened(2) + opened(3));
  const rows = first.take().saved.map(([number, saved]): NumberedConnection => [number, number === 1 ? ['?'] : saved]);
  const again = new Life(first.state, rows);
  const update = again.take();
  deepEqual([update.isWhole, numbersOf(update)], [true, [0, 2]]);
  deepEqual(again.read(closed(1) + closed(3)), ['u1', 'u3']);
});

test('changes that are kept have a bound, and so have the connections', () => {
  const life = new Life(null);
  const kept: ConnectionUpdate[] = [];
  const open = new Set<number>();
  let wholes = 0;
  for (let from = 0; from < 6 * OPEN_LIMIT_CONNECTIONS; from += 500) {
    life.read(times(500, (i) => opened(from + i + 1)));
    const update = life.take();
    if (update.isWhole) {
      wholes += 1;
      kept.length = 0;
      open.clear();
    }
    kept.push(update);
    for (const number of numbersOf(update)) open.add(number);
    for (const number of update.removed) open.delete(number);
    const changes = kept.slice(1).reduce((sum, { saved, removed }) => sum + saved.length + removed.length, 0);
    ok(changes <= 256 + 2 * open.size, `${changes} changes of ${open.size} connections`);
  }
  equal(open.size, OPEN_LIMIT_CONNECTIONS);
  ok(wholes > 2 && wholes < 20, `all were written ${wholes} times`);
});
