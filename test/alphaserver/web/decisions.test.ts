/** Decisions of people, asked of a real server: what they change, who made them, and how they end. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { STANDING_LIMIT, standingDecision } from '../../../alphaserver/alerting/standing.ts';
import type { NewDecision } from '../../../alphaserver/store/decisions.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { HOSTS_LIMIT, SOURCES_LIMIT } from '../../../alphaserver/web/decision-schema.ts';
import { until } from '../../until.ts';
import { type SentEvent, Served } from './served.ts';

const HOUR_MS = 3_600_000;
const served = new Served();
const failures = (ip: string, count = 12): SentEvent[] =>
  Array.from({ length: count }, () => ({
    ...{ outcome: 'failed', method: 'password', user: 'root', invalidUser: false, ip, port: 40_000, trust: 'journal' },
    at: new Date().toISOString(),
  }));

interface Decision {
  readonly id: number;
  readonly kind: string;
  readonly by: string;
  readonly why: string;
  readonly source: string | null;
  readonly holds: boolean;
  readonly undoneBy: string | null;
}
interface Decisions {
  readonly made?: Decision;
  readonly decisions: readonly Decision[];
  readonly message?: string;
}

const post = async <T = Decisions>(
  path: string,
  body: object,
  headers: Record<string, string> = {},
  page = served.page,
) => {
  const answer = await fetch(`${page}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as T };
};
const decide = async (body: object): Promise<Decision> => {
  const { status, body: answer } = await post('/api/decisions', { by: 'mira', why: 'a test', ...body });
  assert.equal(status, 200, JSON.stringify(answer));
  return answer.made as Decision;
};
const undo = (id: number) => post(`/api/decisions/${id}/undo`, { by: 'jon', why: 'enough' });
const blocklist = async (): Promise<string[]> =>
  (await (await fetch(`${served.page}/blocklist.txt`)).text()).split('\n').filter((line) => line !== '');
const alerts = async (source: string) =>
  (
    await served.ask<{ alerts: { id: string; source: string; acknowledgedBy: string | null }[] }>('/api/alerts')
  ).body.alerts.filter((alert) => alert.source === source);
const because = async (source: string): Promise<boolean> =>
  (await served.ask<{ because: { source: string }[] }>('/api/summary')).body.because.some(
    (one) => one.source === source,
  );

before(() => served.open());
after(() => served.close());

test('an address that somebody blocks is on the list for firewalls until then, or until it is undone', async () => {
  const { id, ...decision } = await decide({ kind: 'block', source: '198.51.100.7', until: '24h' });
  assert.deepEqual(
    [decision.kind, decision.by, decision.why, decision.source, decision.holds],
    ['block', 'mira', 'a test', '198.51.100.7', true],
  );
  assert.deepEqual(await blocklist(), ['198.51.100.7']);
  const undone = (await undo(id)).body.decisions[0];
  assert.deepEqual([undone?.id, undone?.holds, undone?.undoneBy], [id, false, 'jon']);
  assert.deepEqual(await blocklist(), []);
  assert.equal((await undo(id)).status, 404);
});

test('whoever decides is told of the own decision, although others decide at the same time', async () => {
  for (let i = 1; i <= 30; i++) {
    const [block, silence] = await Promise.all([
      decide({ kind: 'block', source: `203.0.113.${i}`, until: '1h' }),
      decide({ kind: 'silence', source: `192.0.2.${i}`, until: '1h', by: 'jon' }),
    ]);
    assert.deepEqual([block.kind, block.source, block.by], ['block', `203.0.113.${i}`, 'mira']);
    assert.deepEqual([silence.kind, silence.source, silence.by], ['silence', `192.0.2.${i}`, 'jon']);
    assert.deepEqual((await undo(block.id)).status, 200);
    assert.deepEqual((await undo(silence.id)).status, 200);
  }
});

test('an address that somebody allows raises no incident and is on no list, until that is undone', async () => {
  const { id } = await decide({ kind: 'allow', source: '198.51.100.8' });
  await decide({ kind: 'block', source: '198.51.100.8', until: '1h' });
  assert.deepEqual(await blocklist(), []);
  await served.store([...failures('198.51.100.8'), ...failures('198.51.100.9')]);
  await until(async () => (await alerts('198.51.100.9')).length > 0);
  assert.deepEqual(await alerts('198.51.100.8'), []);
  await undo(id);
  assert.ok((await blocklist()).includes('198.51.100.8'));
  await served.store(failures('198.51.100.8'));
  await until(async () => (await alerts('198.51.100.8')).length > 0);
});

test('what somebody silences stays in the lists, and says nothing about the fleet', async () => {
  await served.store(failures('198.51.100.20'));
  await until(() => because('198.51.100.20'));
  const { id } = await decide({ kind: 'silence', source: '198.51.100.20', rule: 'brute-force', until: '1h' });
  assert.equal(await because('198.51.100.20'), false);
  assert.ok((await alerts('198.51.100.20')).length > 0);
  await undo(id);
  assert.equal(await because('198.51.100.20'), true);
});

test('what somebody decides about a group, or a network, is one decision, and is undone as one', async () => {
  await served.store([...failures('198.51.100.30'), ...failures('198.51.100.40')]);
  await until(async () => (await because('198.51.100.30')) && (await because('198.51.100.40')));
  for (const source of ['198.51.100.30, 198.51.100.40', '198.51.100.7/24']) {
    const { id, source: decided } = await decide({ kind: 'silence', source, rule: 'brute-force', until: '1h' });
    assert.equal(decided, source.includes('/') ? '198.51.100.0/24' : '198.51.100.30,198.51.100.40');
    assert.deepEqual([await because('198.51.100.30'), await because('198.51.100.40')], [false, false], source);
    const { body } = await undo(id);
    assert.equal(body.decisions[0]?.holds, false);
    assert.deepEqual([await because('198.51.100.30'), await because('198.51.100.40')], [true, true], source);
  }
  const many = (count: number): string => Array.from({ length: count }, (_, i) => `198.51.100.${i}`).join(',');
  const { id } = await decide({ kind: 'block', source: many(SOURCES_LIMIT), until: '1h' });
  assert.ok((await blocklist()).includes('198.51.100.39'));
  await undo(id);
  const refused = await post('/api/decisions', {
    ...{ kind: 'block', source: many(SOURCES_LIMIT + 1), until: '1h', by: 'mira', why: 'x' },
  });
  assert.equal(refused.status, 400);
  assert.match(refused.body.message ?? '', /^source must be .* up to 40 of these/);
});

test('a rule is silenced on some hosts, or on all, by one decision', async () => {
  const from = Array.from({ length: 12 }, (_, i) => failures(`192.0.2.${i + 1}`, 1)).flat();
  await served.store(from, 'db');
  const counts = async (): Promise<boolean> =>
    (await served.ask<{ because: { rule: string }[] }>('/api/summary')).body.because.some(
      ({ rule }) => rule === 'distributed',
    );
  await until(counts);
  const [alert] = (
    await served.ask<{ alerts: { rule: string; host: string | null }[] }>('/api/alerts')
  ).body.alerts.filter(({ rule }) => rule === 'distributed');
  const where = alert?.host ?? null;
  for (const what of where === null ? [{}] : [{ host: `elsewhere ${where}` }, {}]) {
    const { id } = await decide({ kind: 'silence', rule: 'distributed', until: '1h', ...what });
    assert.equal(await counts(), false, JSON.stringify(what));
    await undo(id);
    assert.equal(await counts(), true);
  }
  const { id } = await decide({ kind: 'silence', rule: 'distributed', host: 'elsewhere', until: '1h' });
  assert.equal(await counts(), true);
  await undo(id);
});

test('many incidents are acknowledged at once', async () => {
  const known = [...(await alerts('198.51.100.9')), ...(await alerts('198.51.100.20'))].map(({ id }) => id);
  const { body } = await post<{ acknowledged: number }>('/api/alerts/acknowledge', {
    ids: [...known, 'nope'].join(','),
    by: 'mira',
  });
  assert.equal(body.acknowledged, known.length);
  assert.ok((await alerts('198.51.100.9')).every(({ acknowledgedBy }) => acknowledgedBy === 'mira'));
  const { decisions } = (await served.ask<Decisions>('/api/decisions')).body;
  assert.equal(decisions.filter(({ kind }) => kind === 'acknowledge').length, known.length);
});

test('decisions are listed newest first, a page at a time', async () => {
  const before = (await served.ask<Decisions>('/api/decisions')).body.decisions;
  const first = (await served.ask<Decisions & { next: string }>('/api/decisions?limit=1')).body;
  const second = (await served.ask<Decisions>(`/api/decisions?limit=1&cursor=${first.next}`)).body;
  assert.deepEqual([...first.decisions, ...second.decisions], before.slice(0, 2));
});

test('of those that hold now no list has others, however many were made since', async () => {
  const { id } = await decide({ kind: 'silence', source: '192.0.2.99', until: '1h' });
  const undone = await decide({ kind: 'block', source: '192.0.2.98', until: '1h' });
  await undo(undone.id);
  const { decisions } = (await served.ask<Decisions>('/api/decisions?holds=true&limit=1000')).body;
  assert.ok(decisions.every(({ holds, kind }) => holds && kind !== 'acknowledge'));
  assert.deepEqual([decisions[0]?.id, decisions.some((one) => one.id === undone.id)], [id, false]);
  await undo(id);
  const left = (await served.ask<Decisions>('/api/decisions?holds=true&limit=1000')).body.decisions;
  assert.deepEqual(left, decisions.slice(1));
});

test('where as many decisions of a kind hold as may, one more is refused, and none that holds ends for it', async (t) => {
  const full = new Served();
  t.after(() => full.close());
  const store = new EventStore(join(full.folder, 'store'));
  const [allow, block] = (['allowed', 'blocked'] as const).map((kind) =>
    standingDecision(
      { kind, source: kind === 'allowed' ? '192.0.2.7' : '192.0.2.8', host: null, rule: null, untilMs: null, why: 'x' },
      'mira',
    ),
  );
  await store.decide([allow, ...Array(STANDING_LIMIT - 1).fill(block)] as NewDecision[], Date.now());
  await store.close();
  await full.open();
  const asked = (path: string, body: object) => post(path, { by: 'jon', why: 'a test', ...body }, {}, full.page);
  const blockOf = (source: string) => asked('/api/decisions', { kind: 'block', source, until: '1h' });
  const both = await Promise.all([blockOf('192.0.2.9'), blockOf('192.0.2.10')]);
  assert.deepEqual(both.map(({ status }) => status).sort(), [200, 429]);
  const made = both.find(({ status }) => status === 200)?.body.made;
  const refused = await blockOf('192.0.2.11');
  assert.equal(refused.status, 429);
  assert.match(
    refused.body.message ?? '',
    /^10000 decisions of the kind block hold already, the most there may be: undo/,
  );
  // The others are no fewer for it.
  assert.equal((await asked('/api/decisions', { kind: 'allow', source: '192.0.2.12' })).status, 200);
  const list = await (await fetch(`${full.page}/blocklist.txt`)).text();
  assert.deepEqual(list.split('\n').filter(Boolean).sort(), ['192.0.2.8', made?.source].sort());
  const allowances = (await full.ask<Decisions>('/api/decisions?holds=true&limit=1&cursor=2')).body.decisions;
  assert.deepEqual(
    allowances.map(({ id, source }) => [id, source]),
    [[1, '192.0.2.7']],
  );
  const page = (await full.ask<Decisions>('/api/decisions?limit=1&cursor=2')).body.decisions;
  assert.deepEqual([page[0]?.id, page[0]?.source, page[0]?.holds], [1, '192.0.2.7', true]);
  assert.equal((await asked(`/api/decisions/${made?.id}/undo`, {})).status, 200);
  assert.equal((await blockOf('192.0.2.11')).status, 200);
});

test('a decision that cannot be is refused, by a sentence that says what would be valid', async () => {
  const whole = { kind: 'block', source: '198.51.100.7', until: '1h', by: 'mira', why: 'x' };
  const many = (count: number): string => Array.from({ length: count }, (_, i) => `host-${i}`).join(' ');
  const year = new Date(Date.now() + 400 * 24 * HOUR_MS).toISOString();
  for (const [change, message] of [
    [{ kind: 'burn' }, /^kind must be one of/],
    [{ source: 'everywhere' }, /^source must be an address/],
    [{ source: undefined }, /^source must be given: it says what to block/],
    [{ until: undefined }, /^until must be given/],
    [{ until: '2020-01-01' }, /^until must be an ISO 8601 time after now/],
    [{ until: year }, /^until must be .*within a year/],
    [{ by: ' ' }, /^by must be a name/],
    [{ why: '' }, /^why must be a reason/],
    [{ why: 'x'.repeat(501) }, /^why must be a reason/],
    [{ host: 'web' }, /^host must be left out here/],
    [{ kind: 'silence', source: undefined }, /^host must be given, or source, or rule/],
    [{ kind: 'silence', source: undefined, host: ' ' }, /^host must be a host name/],
    [{ kind: 'silence', source: undefined, host: many(HOSTS_LIMIT + 1) }, /^host must be .* up to 40 of these/],
    [{ kind: 'silence', source: '192.0.2.1,192.0.2.2', host: 'a b' }, /^host must be one name where/],
    [{ surprise: 'x' }, /^surprise must be left out/],
  ] as const) {
    const { status, body } = await post('/api/decisions', { ...whole, ...change });
    assert.deepEqual([status, message.test(body.message ?? '')], [400, true], JSON.stringify([change, body]));
  }
  const foreign = await post('/api/decisions', whole, { 'sec-fetch-site': 'cross-site' });
  assert.equal(foreign.status, 403);
});
