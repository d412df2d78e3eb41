/** Large results become JSON on the query thread, without fastify's schemas: they have what the schemas say all the same. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Ajv } from 'ajv';
import { Queries } from '../../../alphaserver/queries/queries.ts';
import { queryJson } from '../../../alphaserver/queries/query-json.ts';
import { openReader } from '../../../alphaserver/queries/snapshot.ts';
import { API } from '../../../alphaserver/web/api-schema.ts';
import { until } from '../../until.ts';
import { Served } from './served.ts';

const served = new Served();
before(async () => {
  await served.open();
  const now = Date.now();
  await served.store(
    Array.from({ length: 60 }, (_, i) => ({
      ...{ outcome: i % 20 === 0 ? 'probe' : 'failed', method: 'password', user: `user${i % 20}`, invalidUser: false },
      ...{ ip: `203.0.113.${i % 2}`, port: 1, at: new Date(now - 60 + i).toISOString() },
    })),
  );
});
after(() => served.close());

/** A schema that also says that nothing else is there. */
const closed = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, closed(value)]));
  return 'properties' in inner ? { ...inner, additionalProperties: false } : inner;
};

for (const [path, name, rows] of [
  ['/api/top/hosts', 'topHosts', 'hosts'],
  ['/api/top/sources', 'topSources', 'sources'],
  ['/api/top/users', 'topUsers', 'users'],
  ['/api/top/networks', 'topNetworks', 'networks'],
  ['/api/timeline?since=10m', 'timeline', 'points'],
  ['/api/events?limit=2', 'events', 'events'],
  ['/api/alerts', 'alerts', 'alerts'],
] as const)
  test(`${path} has all that its schema says, and nothing more`, async () => {
    const valid = new Ajv().compile(closed(API[name].schema.response[200]) as object);
    let answer: Record<string, unknown> = {};
    // Alerts come a moment after what they are of.
    await until(async () => {
      const response = await fetch(served.page + path);
      assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8');
      answer = (await response.json()) as Record<string, unknown>;
      return (answer[rows] as unknown[]).length > 0;
    });
    assert.ok(valid(answer), JSON.stringify(valid.errors));
  });

test('a written answer is bytes that nobody else uses, so that they can be moved to another thread', () => {
  const answers = new Queries(openReader(`${served.folder}/store`));
  const ever = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
  const bytes = queryJson('top', ['hosts', ever, 1], answers.top('hosts', ever, 1));
  answers.close();
  assert.ok(bytes instanceof Uint8Array);
  assert.equal(bytes.buffer.byteLength, bytes.byteLength);
  assert.equal(JSON.parse(new TextDecoder().decode(bytes)).hosts[0].host, 'web');
});
