/** All events of an IPv6 network, found by the index and, among the newest, without it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Queries } from '../../../alphaserver/queries/queries.ts';
import type { EventQuery } from '../../../alphaserver/queries/results.ts';
import { openReader } from '../../../alphaserver/queries/snapshot.ts';
import { factIn } from '../../../alphaserver/rollups/schema.ts';
import { openStorage } from '../../../alphaserver/storage.ts';
import { until } from '../../until.ts';
import { AGENT, eventAt } from '../store/killed-writer.ts';

/** Many that are in the index, and some that are not yet. */
const EVENTS = 16_884;
const NETWORK = '2001:db8:0:7::/64';
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

test('a network is found whole, alone and with a user', async () => {
  const store = openStorage(folder);
  const all = Array.from({ length: EVENTS }, (_, i) => {
    const { seq, event } = eventAt(i + 1);
    return { seq, event: { ...event, ip: address(seq ?? 0) } };
  });
  for (let at = 0; at < EVENTS; at += 4_096)
    await store.append([{ agent: AGENT, host: 'h', events: all.slice(at, at + 4_096) }], 0);
  await until(() => found(query).indexedTo >= 16_384);
  await store.close();
  const inside = all.filter(({ event }) => event.ip.toLowerCase().startsWith('2001:db8:0:7:'));
  const user = inside.find(({ event }) => event.user !== null)?.event.user ?? '';
  const wanted = inside.map(({ seq }) => seq);
  const ofUser = inside.filter(({ event }) => event.user === user).map(({ seq }) => seq);
  assert.ok(wanted.length > 50 && ofUser.length > 0 && ofUser.length < wanted.length);
  assert.deepEqual(found(query).seqs, wanted);
  assert.deepEqual(found({ ...query, user }).seqs, ofUser);
  assert.deepEqual(found({ ...query, ip: '2001:db8:0:9::/64' }).seqs, []);
});
