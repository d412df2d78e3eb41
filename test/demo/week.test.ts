/** The simulated week against the agent's own reader: what it makes of the lines is what was meant. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Reader } from '../../alphaclient/sshd/reader.ts';
import { HOSTS, KEY_HOST } from './fleet.ts';
import { linesOf } from './log-forms.ts';
import { week } from './week.ts';

const NOW_MS = Date.UTC(2026, 10, 23, 20);
const CONTEXT = { writtenMs: NOW_MS, nowMs: NOW_MS, timeZone: 'UTC' };

for (const form of ['iso', 'rfc3164'] as const) {
  describe(`a simulated week, written as ${form}`, () => {
    it('is read as what happened, event by event', () => {
      const connections = week({ seed: 1, nowMs: NOW_MS, scale: 0.2 });
      const reader = new Reader();
      const read = [
        ...reader.read(
          Buffer.from(
            linesOf(form, connections)
              .map(({ line }) => line)
              .join(''),
          ),
          CONTEXT,
        ),
        ...reader.end(),
      ].map(({ event: { at, outcome, method, user, ip, port, host } }) =>
        JSON.stringify({ at, host, outcome, method, user, ip, port }),
      );
      const meant = connections
        .flatMap(({ events }) => events)
        .map(({ atMs, ...event }) => {
          const at = new Date(form === 'iso' ? atMs : Math.floor(atMs / 1_000) * 1_000).toISOString();
          const { host, outcome, method, user, ip, port } = event;
          return JSON.stringify({ at, host, outcome, method, user, ip, port });
        });
      ok(meant.length > 5_000);
      deepEqual(read.sort(), meant.sort());
    });
  });
}

describe('the simulated week', () => {
  it('is the same for the same seed and moment, and another for another seed', () => {
    const text = (seed: number): string => JSON.stringify(week({ seed, nowMs: NOW_MS, scale: 0.05 }));
    equal(text(7), text(7));
    ok(text(7) !== text(8));
  });

  it('has a past on every host, ends before now, and gives the key host one password login', () => {
    const events = week({ seed: 1, nowMs: NOW_MS, scale: 0.2 }).flatMap((connection) => connection.events);
    deepEqual([...new Set(events.map(({ host }) => host))].sort(), [...HOSTS].sort());
    ok(events.every(({ atMs }) => atMs < NOW_MS));
    const byPassword = events.filter((e) => e.host === KEY_HOST && e.outcome === 'accepted' && e.method === 'password');
    equal(byPassword.length, 1);
  });

  it('uses addresses for documentation and benchmarks only', () => {
    for (const { ip } of week({ seed: 1, nowMs: NOW_MS, scale: 0.2 }).flatMap((connection) => connection.events))
      ok(/^(192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|198\.1[89]\.|2001:db8:)/.test(ip), ip);
  });
});
