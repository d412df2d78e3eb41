import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastDueMs, previousDueMs, reportSchedule } from '../../../alphaserver/report/schedule.ts';

const last = (schedule: string, now: string): string => {
  const parsed = reportSchedule.parse(schedule, 0);
  assert.ok(parsed, schedule);
  return new Date(lastDueMs(parsed, Date.parse(now))).toISOString().slice(0, 16);
};

test('a daily report is due at its minute, in UTC unless a time zone is named', () => {
  assert.equal(last('daily 07:00', '2026-11-29T07:00:00Z'), '2026-11-29T07:00');
  assert.equal(last('daily 07:00', '2026-11-29T06:59:59.999Z'), '2026-11-28T07:00');
  assert.equal(last('daily 07:00 Europe/Berlin', '2026-11-29T06:30:00Z'), '2026-11-29T06:00');
  assert.equal(last('daily 00:00 Pacific/Kiritimati', '2026-11-29T10:00:00Z'), '2026-11-29T10:00');
  assert.equal(last('daily 23:30 America/Los_Angeles', '2026-11-29T07:29:00Z'), '2026-11-28T07:30');
});

test('a weekly report is due on its day of the week alone', () => {
  // 2026-11-29 is a Sunday.
  assert.equal(last('weekly mon 07:00', '2026-11-29T12:00:00Z'), '2026-11-23T07:00');
  assert.equal(last('weekly sun 07:00', '2026-11-29T06:00:00Z'), '2026-11-22T07:00');
  assert.equal(last('weekly sun 07:00', '2026-11-29T07:00:00Z'), '2026-11-29T07:00');
});

test('where the clocks change a report keeps its time of the day', () => {
  // Berlin: 2026-03-29 02:00 becomes 03:00, and 2026-10-25 03:00 becomes 02:00.
  assert.equal(last('daily 07:00 Europe/Berlin', '2026-03-28T12:00:00Z'), '2026-03-28T06:00');
  assert.equal(last('daily 07:00 Europe/Berlin', '2026-03-29T12:00:00Z'), '2026-03-29T05:00');
  assert.equal(last('daily 07:00 Europe/Berlin', '2026-10-25T12:00:00Z'), '2026-10-25T06:00');
  // A time that this day does not have, and one that it has twice: once all the same.
  for (const [schedule, day] of [
    ['daily 02:30 Europe/Berlin', '2026-03-29'],
    ['daily 02:30 Europe/Berlin', '2026-10-25'],
  ] as const) {
    const times = Array.from({ length: 24 * 60 }, (_, i) =>
      last(schedule, new Date(Date.parse(day) + i * 60_000).toISOString()),
    );
    assert.equal(new Set(times).size, 2, [...new Set(times)].join());
  }
});

test('a report is about the time since the one before, also where a day has 23 or 25 hours', () => {
  const hours = (schedule: string, due: string): number => {
    const parsed = reportSchedule.parse(schedule, 0);
    assert.ok(parsed, schedule);
    const dueMs = Date.parse(due);
    assert.equal(lastDueMs(parsed, dueMs), dueMs, `${schedule} ${due}`);
    return (dueMs - previousDueMs(parsed, dueMs)) / 3_600_000;
  };
  assert.equal(hours('daily 07:00', '2026-10-25T07:00:00Z'), 24);
  assert.equal(hours('daily 07:00 Europe/Berlin', '2026-10-24T05:00:00Z'), 24);
  assert.equal(hours('daily 07:00 Europe/Berlin', '2026-10-25T06:00:00Z'), 25);
  assert.equal(hours('daily 07:00 Europe/Berlin', '2026-03-29T05:00:00Z'), 23);
  assert.equal(hours('weekly mon 07:00 Europe/Berlin', '2026-10-26T06:00:00Z'), 7 * 24 + 1);
  assert.equal(hours('weekly mon 07:00 Europe/Berlin', '2026-03-30T05:00:00Z'), 7 * 24 - 1);
  // The day before has an hour less than one that is counted back.
  assert.equal(hours('daily 00:30 Europe/Berlin', '2026-03-29T22:30:00Z'), 23);
  assert.equal(last('daily 07:00 Europe/Berlin', '2026-03-29T22:30:00Z'), '2026-03-29T05:00');
});
