/** How the values of events are stored in few bytes: each comes back as it was, from tables of this version and of the one before. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import { openReader } from '../../../alphaserver/queries/snapshot.ts';
import { addressText } from '../../../alphaserver/store/event-columns.ts';
import { eventsAfter } from '../../../alphaserver/store/event-rows.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { METHODS, OUTCOMES, TRUSTS } from '../../../alphaserver/store/schema.ts';
import type { SequencedEvent } from '../../../alphaserver/store/store.ts';
import { ipv4Number } from '../../../service/ip-network.ts';
import { downgrade } from '../../old-tables.ts';

const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
const NOW_MS = Date.parse('2026-08-10T12:00:00.000Z');
const ADDRESSES = ['0.0.0.0', '1.2.3.4', '127.0.0.1', '128.0.0.1', '192.0.2.255', '255.255.255.255'];
/** Texts that are no IPv4 address as it is written: they have to come back as they are. */
const OTHERS = [
  ...[
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.04',
    '1.2.3.256',
    '1..2.3',
    '.1.2.3',
    '1.2.3.',
    '1.2.3.4 ',
    '-1.2.3.4',
  ],
  ...['1234', '12e3', '2001:db8::1', '::ffff:192.0.2.1', 'fe80::1%eth0', 'host.example', '１.2.3.4', '1.2.3.4/24'],
];

let folder: string;
let store: EventStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-columns-'));
  store = new EventStore(folder);
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Events with every value of each column that holds one of a few, and times from all ages. */
function events(): SequencedEvent[] {
  const addresses = [null, ...ADDRESSES, ...OTHERS];
  const methods = [null, ...METHODS, 'of another sshd', '7'];
  const times = [
    '1970-01-01T00:00:00.000Z',
    '2026-08-10T11:59:59.999Z',
    '2026-08-10T12:00:00.001Z',
    '2150-01-01T00:00:00.000Z',
  ];
  const pick = <T>(list: readonly T[], i: number): T => list[i % list.length] as T;
  return Array.from({ length: 3 * 4 * 3 * methods.length * 2 }, (_, i) => ({
    seq: i + 1,
    event: {
      at: pick(times, i),
      outcome: pick(OUTCOMES, i),
      trust: pick([null, ...TRUSTS], Math.floor(i / 3)),
      invalidUser: pick([null, false, true], Math.floor(i / 12)),
      method: pick(methods, Math.floor(i / 36)),
      user: pick([null, '', 'root', '42', 'ünï'], i),
      ip: pick(addresses, i),
      port: pick([null, 0, 65_535], i),
      key: null,
      reason: pick([null, 'why'], i),
      pid: pick([null, 4_194_304], i),
    },
  }));
}

const stored = () =>
  eventsAfter(store.db, 0, 10_000).map(({ seq, id: _, agent: __, host: ___, storedAt, ...event }) => ({
    seq,
    storedAt,
    event,
  }));

test('an IPv4 address is a number, and nothing else is', () => {
  for (const address of ADDRESSES) {
    const number = ipv4Number(address);
    assert.equal(number, (number as number) | 0, address);
    assert.equal(addressText(number), address);
  }
  for (const text of OTHERS) assert.equal(ipv4Number(text), null, text);
  assert.equal(addressText('2001:db8::1'), '2001:db8::1');
  assert.equal(addressText(null), null);
});

test('each event comes out of the store as it went in', async () => {
  const given = events();
  await store.append([{ agent: AGENT, host: 'web', events: given }], NOW_MS);
  assert.deepEqual(
    stored(),
    given.map(({ seq, event }) => ({ seq, storedAt: new Date(NOW_MS).toISOString(), event })),
  );
});

test('tables of the version before are read as before, and nothing is added to them', async () => {
  const given = events();
  await store.append([{ agent: AGENT, host: 'web', events: given }], NOW_MS);
  const before = stored();
  await store.close();
  const db = new DatabaseSync(join(folder, 'asgard.db'));
  downgrade(db);
  db.close();
  store = new EventStore(folder);
  assert.deepEqual(stored(), before);
  await store.append(
    [{ agent: AGENT, host: 'web', events: [{ ...(given[0] as SequencedEvent), seq: given.length + 1 }] }],
    NOW_MS,
  );
  assert.deepEqual(stored().slice(0, -1), before);
  assert.deepEqual(stored().at(-1)?.event, before[0]?.event);
  const reader = openReader(folder);
  const counts = ['events_2', 'events_3'].map(
    (name) => reader.prepare(`SELECT count(*) AS n FROM ${name}`).get()?.['n'],
  );
  reader.close();
  assert.deepEqual(counts, [given.length, 1]);
});
