/** Which incidents a silence holds back: the page says it as the server does. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Rule } from '../../../../alphaserver/alert-config/rules.ts';
import { silencedBy } from '../../../../alphaserver/alert-config/settings.ts';
import { type Decided, holding, standingDecision, undoing } from '../../../../alphaserver/alerting/standing.ts';
import { EventStore } from '../../../../alphaserver/store/event-store.ts';
import { LIMIT_MOST } from '../../../../alphaserver/web/api-schema.ts';
import { askStanding, isDecidedOf, silences } from '../../../../alphaserver/web/page/standing.js';
import { Random } from '../../../demo/random.ts';
import { Served } from '../served.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

test('a silence is about the incidents that it is about for the server, whatever it names', () => {
  const random = new Random(SEED);
  const of = <Value>(values: readonly Value[]): Value => values[random.whole(0, values.length - 1)] as Value;
  const rules: readonly Rule[] = ['break-in', 'brute-force'];
  const sources = [
    '203.0.113.9',
    '203.0.113.0/24',
    '203.0.112.0/20',
    '2001:db8::/32',
    '2001:db8:0:7::/64',
    '192.0.2.1',
  ];
  let silenced = 0;
  for (let i = 0; i < 5_000; i += 1) {
    const several = random.chance(0.2);
    const source = several ? `${of(sources)},${of(sources)}` : of([null, ...sources]);
    const host = several ? of([null, 'web']) : of([null, 'web', 'db', 'web db']);
    const body = { rule: of([null, ...rules]), host, source };
    const one: Decided = {
      ...{ id: 1, at: 0, by: 'mira', kind: 'silenced', untilMs: null, why: '', undoneAt: null, undoneBy: null },
      ...body,
    };
    const alert = { rule: of(rules), host: of([null, 'web', 'db']), source: of([null, '2001:db8:0:7::1', ...sources]) };
    const byServer = silencedBy(holding([one], 0).silences)(alert);
    silenced += Number(byServer);
    assert.equal(
      silences({ kind: 'silence', ...body }, alert),
      byServer,
      `${JSON.stringify([body, alert])} (SEED=${SEED})`,
    );
  }
  assert.ok(silenced > 100 && silenced < 4_900, `${silenced} of 5,000 (SEED=${SEED})`);
});

test('a decision is about a source by its address or a network around it, and about a host by its name', () => {
  const about = (decision: object, subject: object): boolean =>
    isDecidedOf(
      { kind: 'silence', rule: null, host: null, source: null, ...decision } as Parameters<typeof isDecidedOf>[0],
      { source: null, host: null, alert: null, ...subject },
    );
  assert.ok(about({ source: '203.0.113.0/24' }, { source: '203.0.113.9' }));
  assert.ok(about({ kind: 'block', source: '203.0.113.9' }, { source: '203.0.113.9' }));
  assert.ok(!about({ kind: 'block', source: '203.0.113.9' }, { source: '203.0.113.8' }));
  assert.ok(about({ host: 'web db' }, { host: 'db' }));
  assert.ok(!about({ host: 'web db' }, { source: '203.0.113.9' }));
  assert.ok(!about({ rule: 'break-in' }, { host: 'db', source: '203.0.113.9' }));
  const alert = { rule: 'break-in', host: 'db', source: '203.0.113.9' };
  assert.ok(about({ rule: 'break-in' }, { ...alert, alert }));
  assert.ok(!about({ rule: 'decoy', source: '203.0.113.9' }, { ...alert, alert }));
  assert.ok(about({ kind: 'allow', source: '203.0.113.9' }, { ...alert, alert }));
});

test('what holds is found behind however many decisions that hold no more', async (t) => {
  const served = new Served();
  t.after(() => served.close());
  const store = new EventStore(join(served.folder, 'store'));
  const decide = (source: string) =>
    standingDecision({ kind: 'silenced', source, host: null, rule: null, untilMs: null, why: 'x' }, 'mira');
  // The first has the id 1.
  const others = Array.from({ length: LIMIT_MOST + 1 }, (_, i) => [
    decide('192.0.2.2'),
    undoing(2 * i + 2, 'x', 'jon'),
  ]);
  await store.decide([decide('192.0.2.1'), ...others.flat()], Date.now());
  await store.close();
  await served.open();
  const ownFetch = globalThis.fetch;
  t.after(() => {
    globalThis.fetch = ownFetch;
  });
  globalThis.fetch = (path, options) => ownFetch(new URL(String(path), served.page), options);
  const found = await askStanding(AbortSignal.timeout(20_000));
  assert.deepEqual(
    found.map(({ id, source, holds }) => [id, source, holds]),
    [[1, '192.0.2.1', true]],
  );
});
