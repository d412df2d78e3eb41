/** What is remembered of scans and their parts is bounded, by time and by number. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_DETECTION } from '../../../alphaserver/alert-config/rules.ts';
import { type Live, liveOf } from '../../../alphaserver/detection/incident.ts';
import { Absorption, NOTED_LIMIT } from '../../../alphaserver/detection/scan-grouping.ts';
import { incident } from './incidents.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = Date.parse('2026-11-24T12:00:00.000Z');

/** Of one host where the key names one, else a scan of the fleet. */
const live = (id: string, key: string, atMs: number): Live => {
  const rule = key.includes(' ') ? 'brute-force' : 'fleet-scan';
  return liveOf(incident({ id, rule, key, firstAt: atMs, openedAt: atMs, lastAt: atMs }), rule, 1);
};

test('what is old and was noted long ago is let go of; what was noted a moment ago is not, however old', () => {
  const old = NOW_MS - 100 * HOUR_MS;
  const absorption = new Absorption(DEFAULT_DETECTION);
  const part = live('part', '203.0.113.5 web', old);
  absorption.note(part, NOW_MS);
  absorption.note(live('scan', '203.0.113.5', old), NOW_MS);
  absorption.forget(NOW_MS + HOUR_MS);
  assert.equal(absorption.partOf(part), 'scan');
  absorption.forget(NOW_MS + 10 * HOUR_MS);
  assert.equal(absorption.partOf(part), null);
  assert.equal(absorption.size, 0);
});

test('a part of a scan stays one, however much longer it goes on; not of a scan that is no more', () => {
  const absorption = new Absorption(DEFAULT_DETECTION);
  const long = live('long', '203.0.113.5 web', NOW_MS);
  const scan = live('scan', '203.0.113.5', NOW_MS);
  absorption.note(long, NOW_MS);
  absorption.note(scan, NOW_MS);
  assert.equal(absorption.partOf(long), 'scan');
  const later = NOW_MS + 10 * HOUR_MS;
  absorption.note({ ...long, draft: { ...long.draft, lastAt: later } }, later);
  absorption.forget(later);
  assert.equal(absorption.size, 1);
  absorption.note(live('another', '203.0.113.5', later), later);
  assert.deepEqual(absorption.takeMoved(), []);
  assert.equal(absorption.partOf(long), 'scan');
  absorption.drop(scan);
  assert.deepEqual(
    absorption.takeMoved().map(({ id }) => id),
    ['long'],
  );
  assert.equal(absorption.partOf(long), null);
});

test('events told again after a restart make nothing old', () => {
  const absorption = new Absorption(DEFAULT_DETECTION);
  const old = NOW_MS - 100 * HOUR_MS;
  const part = live('part', '203.0.113.5 web', old);
  absorption.note(part, NOW_MS, 'scan');
  absorption.note(part, old);
  absorption.forget(NOW_MS + HOUR_MS);
  assert.equal(absorption.partOf(part), 'scan');
});

test('more than it may hold: those noted first go, also when all were noted at once', () => {
  for (const step of [1, 0]) {
    const absorption = new Absorption(DEFAULT_DETECTION);
    for (let i = 0; i < NOTED_LIMIT; i += 1)
      absorption.note(live(`p${i}`, `203.0.113.5 web-${i}`, NOW_MS), NOW_MS + i * step * 100);
    assert.equal(absorption.size, NOTED_LIMIT);
    const last = live('last', '203.0.113.5 last', NOW_MS);
    absorption.note(last, NOW_MS + NOTED_LIMIT * step * 100);
    assert.equal(absorption.size, NOTED_LIMIT / 2 + 1);
    absorption.note(live('scan', '203.0.113.5', NOW_MS), NOW_MS + NOTED_LIMIT * step * 100);
    assert.equal(absorption.partOf(last), 'scan');
    absorption.drop(last);
    assert.equal(absorption.takeMoved().includes(last), false);
  }
});
