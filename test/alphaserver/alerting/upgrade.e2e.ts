/** A store of the version before, taken over by a server that is killed at random: no alert and no notification is lost or doubled. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { STATE_RULES } from '../../../alphaserver/alert-config/rules.ts';
import type { Alert } from '../../../alphaserver/queries/alert-results.ts';
import { oldAnswers, unpackOldStore } from '../../old-store.ts';
import { Pair } from '../../programs.ts';
import { until } from '../../until.ts';
import { dice } from '../detection/mixed.ts';
import { HttpReceiver } from '../notify/receivers.ts';
import { rowsIn } from './life.ts';

const KILLS = 4;
/** Keeps what the store holds, whatever day it is. */
const FOR_EVER = { ALPHASERVER_RETENTION: '36500d' };

const isOfAgents = ({ rule }: { rule: string }): boolean => STATE_RULES.some((one) => one === rule);
/**
 * What no clock changes, and what the version before knew and answered alike: one that was open may have closed since, and is then
 * written again.
 */
const lasting = ({ closedAt: _, trust: __, summary: ___, ...alert }: Alert): Partial<Alert> => alert;

/** What a channel was notified of: each message once, however often it came. */
function notified({ received }: HttpReceiver): string[] {
  const messages = new Map(received.map(({ headers, body }) => [headers['webhook-id'], body]));
  return [...messages.values()].flatMap((body) =>
    (JSON.parse(body).alerts as { event: string; id: string }[]).map(({ event, id }) => `${event} ${id}`),
  );
}

test('alerts, undelivered notifications, acknowledgements and counts of the version before are all there', async () => {
  const seed = Number(process.env['SEED'] ?? randomInt(1e9));
  const roll = dice(seed);
  const pair = await Pair.make();
  const channels = { down: await new HttpReceiver().open(), pager: await new HttpReceiver().open() };
  try {
    const folder = join(pair.folder, 'server');
    unpackOldStore(folder);
    const before = (oldAnswers()['/api/alerts?limit=1000'] as Alert[]).filter((one) => !isOfAgents(one));
    const old = (sql: string) => rowsIn(join(folder, 'asgard.db'), sql);
    const opened = old("SELECT name, value FROM alertMarks WHERE name LIKE 'opened %' ORDER BY name");
    const messages = old('SELECT id, channel, body FROM alertMessages');
    const undelivered = [
      ...messages.flatMap(({ channel, body }) =>
        (JSON.parse(String(body)).told as { kind: string; incident: { id: string } }[]).map(
          ({ kind, incident }) => [String(channel), `${kind} ${incident.id}`] as const,
        ),
      ),
      ...old('SELECT channel, kind, incident FROM alertNotices').map(
        ({ channel, kind, incident }) => [String(channel), `${kind} ${incident}`] as const,
      ),
    ];
    assert.ok(before.length > 100 && undelivered.length === 12);
    const file = join(pair.folder, 'rules.json');
    const hook = (receiver: HttpReceiver, severity: string) => ({ type: 'webhook', url: receiver.url, severity });
    writeFileSync(
      file,
      JSON.stringify({
        channels: { down: hook(channels.down, 'notice'), pager: hook(channels.pager, 'critical') },
        grouping: { wait: '1s', every: '1s' },
      }),
    );
    const env = { ...FOR_EVER, ALPHASERVER_RULES: file };
    for (let kill = 0; kill < KILLS; kill += 1) {
      const server = pair.server(env);
      // From its first steps to the end of the upgrade and of the replay.
      await until(() => existsSync(join(folder, 'running')) || server.child.exitCode !== null);
      await new Promise((later) => setTimeout(later, roll(1_500)));
      await server.end('SIGKILL');
    }
    const server = await pair.serving(env);
    const why = () => `SEED=${seed}\n${server.output}`;
    const alerts = async () => (await pair.api<{ alerts: Alert[] }>('/api/alerts?limit=1000')).alerts;
    const metrics = async () => (await fetch(`http://127.0.0.1:${pair.httpPort}/metrics`)).text();
    const channelsNow = async () => (await pair.api<{ channels: { waiting: number }[] }>('/api/channels')).channels;
    await until(async () => /^asgard_alerts_lag_seconds 0$/m.test(await metrics()), why);
    await until(
      async () => (await channelsNow()).length === 2 && !(await channelsNow()).some(({ waiting }) => waiting > 0),
      why,
    );
    const now = (await alerts()).filter((one) => !isOfAgents(one));
    assert.deepEqual(now.map(lasting), before.map(lasting), `SEED=${seed}`);
    for (const [i, { closedAt }] of before.entries()) if (closedAt !== null) assert.equal(now[i]?.closedAt, closedAt);
    assert.equal(now.filter(({ acknowledgedBy }) => acknowledgedBy === 'mira').length, 1);
    for (const [channel, receiver] of Object.entries(channels)) {
      const wanted = undelivered.filter(([name]) => name === channel).map(([, what]) => what);
      // What has closed since is notified as well.
      const got = notified(receiver).filter((what) => wanted.some((one) => one === what));
      assert.deepEqual(got.toSorted(), wanted.toSorted(), `${channel}, SEED=${seed}`);
    }
    const ids = Object.values(channels).flatMap(({ received }) => received.map(({ headers }) => headers['webhook-id']));
    for (const { id } of messages) assert.ok(ids.includes(String(id)), `message ${id} keeps its id`);
    const text = await metrics();
    for (const { name, value } of opened) {
      const [, rule = '', severity] = String(name).split(' ');
      if (isOfAgents({ rule })) continue;
      assert.ok(
        text.includes(`asgard_alerts_opened_total{rule="${rule}",severity="${severity}"} ${value}\n`),
        String(name),
      );
    }
    assert.ok(!existsSync(join(folder, 'memory.db')));
    assert.equal(await server.end('SIGTERM'), 0);
  } finally {
    for (const receiver of Object.values(channels)) receiver.close();
    await pair.close();
  }
});
