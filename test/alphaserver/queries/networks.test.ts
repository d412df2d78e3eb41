/** All events of a network of any length, found by the index and, among the newest, without it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Queries } from '../../../alphaserver/queries/queries.ts';
import type { EventQuery } from '../../../alphaserver/queries/results.ts';
import { openReader } from '../../../alphaserver/queries/snapshot.ts';
import { COUNTED_COLUMNS, countedRows } from '../../../alphaserver/rollups/counts.ts';
import { IndexWords } from '../../../alphaserver/rollups/event-index.ts';
import { HashedNames } from '../../../alphaserver/rollups/hashed-names.ts';
import { factIn, openRollups } from '../../../alphaserver/rollups/schema.ts';
import { openStorage } from '../../../alphaserver/storage.ts';
import { readerOf } from '../../../alphaserver/store/event-tables.ts';
import { isIn, networkOf, networks } from '../../../service/ip-network.ts';
import { until } from '../../until.ts';
import { AGENT, eventAt } from '../store/killed-writer.ts';

/** Many that are in the index, and some that are not yet. */
const EVENTS = 16_884;
const NETWORK = '2001:db8:0:7::/64';
/** Networks of many lengths: whole hexadecimal digits and parts of one, wider and narrower than what is a word of the index. */
const NETWORKS = [
  ...['192.0.2.0/24', '192.0.2.32/27', '192.0.2.48/31', '192.0.0.0/9', '192.0.0.0/16', '198.0.0.0/8', '192.0.2.7/32'],
  ...['2001:db8::/32', '2001:db8:0:7::/63', '2001:db8:0:6::/63', '2001:db8:0:8::/61', '2001::/16', 'fe80::/16'],
  ...['2001:db8:0:7::/64', '2001:db8:0:7:a::/80', '2001:db8:0:7::/127', '2001:db8:0:7::1/128'],
];
const address = (seq: number): string =>
  seq % 100 > 0
    ? `192.0.2.${seq % 50}`
    : (['2001:db8:0:7::1', '2001:db8:0:7:a:b:c:d', '2001:db8:0:8::1', '2001:DB8:0:7::1', 'fe80::1%eth0'][
        (seq / 100) % 5
      ] ?? '');
const query: EventQuery = {
  ...{ host: null, ip: NETWORK, user: null, outcome: null, method: null },
  ...{ sinceMs: null, untilMs: null, limit: 1_000, cursor: null },
};

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-networks-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function found(asked: EventQuery): { seqs: number[]; indexedTo: number } {
  const db = openReader(folder);
  const answers = new Queries(db);
  const { events } = answers.events(asked);
  const indexedTo = factIn(db, 'indexedTo');
  answers.close();
  return { seqs: events.map(({ id }) => id).sort((a, b) => a - b), indexedTo };
}

const all = Array.from({ length: EVENTS }, (_, i) => {
  const { seq, event } = eventAt(i + 1);
  return { seq, event: { ...event, ip: address(seq ?? 0) } };
});

async function stored(): Promise<void> {
  const store = openStorage(folder);
  for (let at = 0; at < EVENTS; at += 4_096)
    await store.append([{ agent: AGENT, host: 'h', events: all.slice(at, at + 4_096) }], 0);
  await until(() => found(query).indexedTo >= 16_384);
  await store.close();
}

/** Node's own list decides. */
function inside(network: string): (number | null)[] {
  const list = networks([network]);
  return all.filter(({ event }) => isIn(list, event.ip)).map(({ seq }) => seq);
}

/** Makes the index as the version before did: addresses and networks of 64 bits hashed. */
function makeOldIndex(): void {
  const rollups = openRollups(folder);
  const events = openReader(folder);
  const words = new IndexWords(new HashedNames(events, rollups));
  const rows = countedRows(readerOf(events).each(COUNTED_COLUMNS, 0, 'true'));
  const [{ number, first, last }] = rollups.prepare('SELECT number, first, last FROM indexParts').all() as [
    { number: number; first: number; last: number },
  ];
  rollups.exec('BEGIN');
  rollups.exec('UPDATE indexParts SET digits = 0');
  rollups.exec(`INSERT INTO index_${number}(index_${number}) VALUES ('delete-all')`);
  const insert = rollups.prepare(`INSERT INTO index_${number} (rowid, words) VALUES ((? << 21) | ?, ?)`);
  for (const row of rows.filter(([id]) => id <= last).sort((a, b) => a[1] - b[1] || a[0] - b[0]))
    insert.run(row[1], row[0] - first, words.of(row, networkOf(row[6]), false));
  rollups.exec('COMMIT');
  events.close();
  rollups.close();
}

test('a network of any length is found whole', async () => {
  await stored();
  for (const ip of NETWORKS) {
    const wanted = inside(ip);
    assert.deepEqual(found({ ...query, ip, limit: EVENTS }).seqs, wanted, ip);
    assert.equal(wanted.length > 0, !ip.startsWith('198.'), ip);
  }
});

test('a network of any length is found in an index that the version before made, as addresses are', async () => {
  await stored();
  makeOldIndex();
  for (const ip of NETWORKS) assert.deepEqual(found({ ...query, ip, limit: EVENTS }).seqs, inside(ip), ip);
  for (const ip of ['192.0.2.7', '2001:db8:0:7::1']) {
    const wanted = all.filter(({ event }) => event.ip === ip).map(({ seq }) => seq);
    assert.deepEqual(found({ ...query, ip, limit: EVENTS }).seqs, wanted, ip);
  }
});

test('a network is found whole, alone and with a user', async () => {
  await stored();
  const alone = all.filter(({ event }) => event.ip.toLowerCase().startsWith('2001:db8:0:7:'));
  const user = alone.find(({ event }) => event.user !== null)?.event.user ?? '';
  const wanted = alone.map(({ seq }) => seq);
  const ofUser = alone.filter(({ event }) => event.user === user).map(({ seq }) => seq);
  assert.ok(wanted.length > 50 && ofUser.length > 0 && ofUser.length < wanted.length);
  assert.deepEqual(found(query).seqs, wanted);
  assert.deepEqual(found({ ...query, user }).seqs, ofUser);
  assert.deepEqual(found({ ...query, ip: '2001:db8:0:9::/64' }).seqs, []);
});
