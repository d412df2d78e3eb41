/** The large fleet against the agent's own reader. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { it } from 'node:test';
import { Reader } from '../../alphaclient/sshd/reader.ts';
import { CROWD_LOG, crowd } from './crowd.ts';
import { linesOf } from './log-forms.ts';

const NOW_MS = Date.UTC(2026, 10, 23, 20);
const DAY_MS = 86_400_000;
const CONTEXT = { writtenMs: NOW_MS, nowMs: NOW_MS, timeZone: 'UTC' };

it('a crowd is five hundred hosts and a thousand sources, and is read as what happened', () => {
  const connections = crowd(1, NOW_MS);
  const events = connections.flatMap((connection) => connection.events);
  equal(new Set(events.map(({ host }) => host)).size, 500);
  const sources = new Map<string, number>();
  for (const { ip, outcome } of events) if (outcome === 'failed') sources.set(ip, (sources.get(ip) ?? 0) + 1);
  ok(sources.size >= 995, `${sources.size} sources`);
  // Each is enough for brute-force.
  ok([...sources.values()].filter((failures) => failures >= 10).length >= 995);
  // The page shows the last 24 hours at first.
  ok(events.every(({ atMs, outcome }) => outcome !== 'failed' || atMs > NOW_MS - DAY_MS));
  const log = linesOf(CROWD_LOG.form, connections)
    .map(({ line }) => line)
    .join('');
  const reader = new Reader();
  const read = [...reader.read(Buffer.from(log), CONTEXT), ...reader.end()];
  const key = (host: string | null | undefined, outcome: string, user: string | null) => `${host} ${outcome} ${user}`;
  deepEqual(
    read.map(({ event: { host, outcome, user } }) => key(host, outcome, user)).sort(),
    events.map(({ host, outcome, user }) => key(host, outcome, user)).sort(),
  );
});
