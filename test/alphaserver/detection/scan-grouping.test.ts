/** What is remembered of a source's scans and their parts is bounded, and goes by the times of events. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_DETECTION } from '../../../alphaserver/alert-config/rules.ts';
import { KeyedState, type TrackedIncident } from '../../../alphaserver/detection/keyed-state.ts';
import { PARTS_LIMIT, SCANS_LIMIT, ScanGrouping, scanOf } from '../../../alphaserver/detection/scan-grouping.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.parse('2026-11-24T12:00:00.000Z');
const SOURCE = 7;

/** An incident of the source: of one host, or a scan of the fleet. */
const tracked = (
  id: string,
  rule: 'brute-force' | 'fleet-scan',
  firstAt: number,
  lastAt = firstAt,
): TrackedIncident => ({
  id,
  rule,
  window: 0,
  key: id,
  source: SOURCE,
  decidedBy: 1,
  firstAt,
  openedAt: firstAt,
  lastAt,
  idSum: 0,
  count: 10,
  partOf: null,
  replacedBy: undefined,
  isOpen: true,
  isReported: true,
  grownSinceMs: null,
  state: new KeyedState(SOURCE, 0),
  settled: null,
});
const ids = (incidents: readonly TrackedIncident[]): string[] => incidents.map(({ id }) => id);

test('a scan takes in what opened on single hosts after its first event, and only that', () => {
  const grouping = new ScanGrouping(DEFAULT_DETECTION);
  const before = tracked('before', 'brute-force', START_MS - 1);
  const part = tracked('part', 'brute-force', START_MS + 1);
  assert.deepEqual(grouping.add(before), []);
  assert.deepEqual(grouping.add(part), []);
  assert.deepEqual(ids(grouping.add(tracked('scan', 'fleet-scan', START_MS))), ['part']);
  assert.equal(scanOf(part), 'scan');
  assert.equal(scanOf(before), null);
});

test('what opens while a scan goes on is a part of it from the beginning, what opens after its quiet is not', () => {
  const grouping = new ScanGrouping(DEFAULT_DETECTION);
  grouping.add(tracked('scan', 'fleet-scan', START_MS, START_MS + HOUR_MS));
  const quietMs = START_MS + HOUR_MS + DEFAULT_DETECTION.quietMs;
  const [during, after] = [tracked('during', 'brute-force', quietMs - 1), tracked('after', 'brute-force', quietMs)];
  grouping.add(during);
  grouping.add(after);
  assert.deepEqual([scanOf(during), scanOf(after)], ['scan', null]);
});

test('a part stays one when its scan is not remembered any more', () => {
  const grouping = new ScanGrouping(DEFAULT_DETECTION);
  const part = tracked('part', 'brute-force', START_MS);
  grouping.add(tracked('scan', 'fleet-scan', START_MS));
  grouping.add(part);
  for (let i = 0; i < SCANS_LIMIT; i += 1)
    assert.deepEqual(grouping.add(tracked(`later ${i}`, 'fleet-scan', START_MS + (i + 1) * HOUR_MS)), []);
  assert.equal(
    grouping.get(SOURCE)?.scans.some(({ id }) => id === 'scan'),
    false,
  );
  assert.equal(scanOf(part), 'scan');
});

test('parts of a scan that another one replaces are parts of that one; of one that is undone, of none', () => {
  const grouping = new ScanGrouping(DEFAULT_DETECTION);
  const [first, second] = [tracked('first', 'fleet-scan', START_MS), tracked('second', 'fleet-scan', START_MS)];
  const part = tracked('part', 'brute-force', START_MS);
  grouping.add(first);
  grouping.add(part);
  grouping.add(second);
  first.replacedBy = second;
  grouping.remove(first);
  assert.equal(scanOf(part), 'second');
  second.replacedBy = null;
  grouping.remove(second);
  assert.equal(scanOf(part), null);
});

test('a scan that turns out to have begun later leaves out what was before it', () => {
  const grouping = new ScanGrouping(DEFAULT_DETECTION);
  const [scan, part] = [tracked('scan', 'fleet-scan', START_MS), tracked('part', 'brute-force', START_MS)];
  grouping.add(scan);
  grouping.add(part);
  scan.firstAt = START_MS + 1;
  assert.deepEqual(ids(grouping.change(scan)), ['part']);
  assert.equal(scanOf(part), null);
});

test('of one source no more than the limits are remembered, the newest', () => {
  const grouping = new ScanGrouping(DEFAULT_DETECTION);
  for (let i = 0; i <= SCANS_LIMIT; i += 1) grouping.add(tracked(`s${i}`, 'fleet-scan', START_MS + i));
  for (let i = 0; i <= PARTS_LIMIT; i += 1) grouping.add(tracked(`p${i}`, 'brute-force', START_MS + HOUR_MS + i));
  const { scans, parts } = grouping.get(SOURCE) ?? { scans: [], parts: [] };
  assert.deepEqual([scans.length, parts.length], [SCANS_LIMIT, PARTS_LIMIT]);
  assert.deepEqual([scans[0]?.id, parts[0]?.id], ['s1', 'p1']);
  grouping.evict(SOURCE);
  assert.equal(grouping.get(SOURCE), undefined);
});
