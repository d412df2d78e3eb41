/**
 * What the rules make of whole logs, read by the agent's own reader: the simulated week, and recorded logs of real sshds.
 * The files in fixtures/alerts were read line by line and judged beside what was done; after a change of the rules
 * `UPDATE=1 node_modules/.bin/node --test test/alphaserver/detection/golden.test.ts` writes them again, to be read again.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Reader } from '../../../alphaclient/sshd/reader.ts';
import { DEFAULT_SETTINGS } from '../../../alphaserver/alert-config/settings.ts';
import type { Incident } from '../../../alphaserver/detection/incident.ts';
import { Replay } from '../../../alphaserver/detection/replay.ts';
import type { StoredEvent } from '../../../alphaserver/store/store.ts';
import { LOGS } from '../../demo/fleet.ts';
import { linesOf } from '../../demo/log-forms.ts';
import { week } from '../../demo/week.ts';
import { Rows } from './stream.ts';

const FIXTURES = join(import.meta.dirname, '..', '..', 'fixtures');
const NOW_MS = Date.UTC(2026, 10, 23, 20);

/** The events of a log as they would be stored the moment they happened; those of a log without times all now. */
function read(log: Buffer, agent: string): Omit<StoredEvent, 'id'>[] {
  const reader = new Reader();
  const context = { writtenMs: NOW_MS, nowMs: NOW_MS, timeZone: 'UTC' };
  return [...reader.read(log, context), ...reader.end()].map(({ event, trust }) => {
    const at = event.at ?? new Date(NOW_MS).toISOString();
    return { ...event, trust, at, agent, host: event.host ?? agent, seq: null, storedAt: at };
  });
}

function incidents(events: readonly Omit<StoredEvent, 'id'>[]): Incident[] {
  const rows = new Rows();
  const replay = new Replay({
    config: DEFAULT_SETTINGS.detection,
    allow: DEFAULT_SETTINGS.allow,
    names: rows.names,
    incidentId: (rule, key, { event }) => `${rule}/${key}/${event}`,
  });
  const ordered = events.toSorted((a, b) => (a.storedAt < b.storedAt ? -1 : a.storedAt > b.storedAt ? 1 : 0));
  for (const [i, event] of ordered.entries()) replay.take(rows.of({ ...event, id: i + 1 }));
  return replay.incidents(NOW_MS);
}

const time = (ms: number): string => new Date(ms).toISOString().slice(0, 19);
const lines = (raised: readonly Incident[]): string =>
  raised
    .map(({ openedAt, closedAt, severity, rule, partOf, summary }) => {
      const until = closedAt === null ? 'open' : time(closedAt).slice(11);
      return `${time(openedAt)} ${until.padEnd(8)} ${severity.padEnd(8)} ${rule}: ${summary}${partOf ? ` (part of ${partOf})` : ''}\n`;
    })
    .join('');

function golden(file: string, text: string): void {
  const path = join(FIXTURES, 'alerts', file);
  if (process.env['UPDATE']) writeFileSync(path, text);
  assert.equal(text, readFileSync(path, 'utf8'));
}

test('the simulated week raises what was done in it', () => {
  const connections = week({ seed: 1, nowMs: NOW_MS });
  const events = LOGS.filter(({ form }) => form !== 'raw').flatMap(({ name, form, hosts }) => {
    const text = linesOf(
      form,
      connections.filter(({ host }) => (hosts as readonly string[]).includes(host)),
    );
    return read(Buffer.from(text.map(({ line }) => line).join('')), name);
  });
  golden('week.txt', lines(incidents(events)));
});

test('recorded logs of real sshds raise what was done to them', () => {
  const folder = join(FIXTURES, 'recorded');
  const logs = readdirSync(folder).filter((file) => /-(iso|raw)\.log$/.test(file));
  assert.ok(logs.length > 5);
  const text = logs.map((file) => {
    const log = readFileSync(join(folder, file));
    return `${file}\n${lines(incidents(read(log, 'recorded')))}`;
  });
  golden('recorded.txt', text.join('\n'));
});
