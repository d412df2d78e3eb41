/** A real server, killed again and again while it takes events: the incidents of one that never was. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import test from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Alert } from '../../../alphaserver/queries/alert-results.ts';
import { Pair } from '../../programs.ts';
import { until } from '../../until.ts';
import { type Attempt, sends } from '../detection/agent.ts';
import { dice, mixed } from '../detection/mixed.ts';

const EVENTS = 1_500;
const KILLS = 4;

/** A mixed stream that ended half an hour ago. */
function attempts(seed: number): Attempt[] {
  const given = mixed(seed, EVENTS);
  const end = (given.at(-1)?.at ?? 0) + 1_800;
  return given.flatMap(({ at, outcome = 'failed', method, ip, host, user }) =>
    outcome === 'probe'
      ? []
      : [
          {
            secondsAgo: end - at,
            outcome,
            method: method ?? 'password',
            ip: ip ?? '',
            host: host ?? '',
            user: user ?? '',
          },
        ],
  );
}

async function alertsOf(pair: Pair): Promise<Alert[]> {
  const all: Alert[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: { alerts: Alert[]; next: string | null } = await pair.api(
      `/api/alerts?limit=1000${cursor && `&cursor=${cursor}`}`,
    );
    all.push(...page.alerts);
    cursor = page.next;
  }
  return all;
}

const inOrder = (alerts: readonly Partial<Alert>[]): Partial<Alert>[] =>
  alerts
    .map(({ acknowledgedAt: _, acknowledgedBy: __, ...alert }) => alert)
    .sort((a, b) => ((a.id ?? '') < (b.id ?? '') ? -1 : 1));

test('killed at any moment: no incident is lost, none doubled, and all have the ids that one pass over the events gives', async () => {
  const seed = Number(process.env['SEED'] ?? randomInt(1e9));
  const roll = dice(seed);
  const pair = await Pair.make();
  try {
    const given = attempts(seed);
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const server = await pair.serving();
      // Also before the rules have come to the end: what was taken is taken on from where it stands.
      const sent = sends(pair.port, given.slice(0, Math.ceil((given.length * kill) / KILLS)));
      await Promise.race([sent, new Promise((later) => setTimeout(later, roll(150)))]);
      await server.end('SIGKILL');
      await sent.catch(() => {});
    }
    const server = await pair.serving();
    await sends(pair.port, given);
    const replayed = async () => {
      const { code, output } = await pair.serverCommand('alert', 'replay', '--json');
      assert.equal(code, 0, output);
      return JSON.parse(output) as { events: number; alerts: Alert[] };
    };
    const { events, alerts } = await replayed();
    assert.equal(events, given.length);
    assert.ok(alerts.length > 20, `${alerts.length} incidents say nothing, SEED=${seed}`);
    // The rules write step by step what one pass gives at once; an incident may be over before the last of its events is judged.
    const isWhole = async () => isDeepStrictEqual(inOrder(await alertsOf(pair)), inOrder(alerts));
    await until(isWhole, () => server.output).catch(() => {});
    assert.deepEqual(inOrder(await alertsOf(pair)), inOrder(alerts), `SEED=${seed}`);
    // And none is sent as new by a server that only starts.
    assert.equal(await server.end('SIGTERM'), 0);
    const again = await pair.serving();
    assert.deepEqual(inOrder(await alertsOf(pair)), inOrder(alerts), `SEED=${seed}`);
    assert.ok(!again.output.includes('Alert'), again.output);
  } finally {
    await pair.close();
  }
});
