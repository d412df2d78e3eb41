/** Computes when a report is due: at a time of each day, or of one day of each week, in a time zone. Pure. */
import { isTimeZone } from '../../service/time-zone.ts';
import type { ValueParser } from '../../service/value-parser.ts';

const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

/** A schedule; `weekday` counts from Sunday, 0, and is null for each day. */
export interface ReportSchedule {
  readonly weekday: number | null;
  /** Minutes since midnight in the time zone. */
  readonly minute: number;
  readonly timeZone: string;
}

const SCHEDULE = /^(?:daily|weekly (sun|mon|tue|wed|thu|fri|sat)) ([01]\d|2[0-3]):([0-5]\d)(?: ([\w+/-]{1,64}))?$/;

/** Takes `daily 07:00` or `weekly mon 07:00`, with a time zone of the IANA database behind it. */
export const reportSchedule: ValueParser<ReportSchedule> = {
  valid: 'daily 07:00 or weekly mon 07:00, in UTC or with a time zone behind it such as Europe/Berlin',
  parse: (given) => {
    const [, day, hours, minutes, timeZone = 'UTC'] = SCHEDULE.exec(given) ?? [];
    if (hours === undefined || !isTimeZone(timeZone)) return undefined;
    const weekday = day === undefined ? null : WEEKDAYS.indexOf(day as (typeof WEEKDAYS)[number]);
    return { weekday, minute: Number(hours) * 60 + Number(minutes), timeZone };
  },
};

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** Returns the last time at or before `nowMs` at which a report was due. Unix milliseconds. */
export function lastDueMs(schedule: ReportSchedule, nowMs: number): number {
  // One day more than a week: the day of now may not have come to its time yet. By half days: where the clocks go forward a day has
  // 23 hours, and a whole one back could leave it out.
  for (let daysBack = 0; daysBack <= 8; daysBack += 0.5) {
    const dueMs = dueOnDayOf(schedule, nowMs - daysBack * DAY_MS);
    if (dueMs !== null && dueMs <= nowMs) return dueMs;
  }
  throw new RangeError('a schedule without any day');
}

/**
 * Returns when the report before the one of `dueMs` was due: what this one is about begins there. A day in which the clocks change has
 * 23 or 25 hours.
 */
export const previousDueMs = (schedule: ReportSchedule, dueMs: number): number => lastDueMs(schedule, dueMs - 1);

/** Returns when a report is due on the day of a moment in the schedule's time zone; null where that is not its day of the week. */
function dueOnDayOf({ weekday, minute, timeZone }: ReportSchedule, ms: number): number | null {
  const midnight = Math.floor(localMs(ms, timeZone) / DAY_MS) * DAY_MS;
  if (weekday !== null && new Date(midnight).getUTCDay() !== weekday) return null;
  const local = midnight + minute * MINUTE_MS;
  // Twice: the first offset may be of the other side of a change of the clocks.
  let due = local;
  for (let i = 0; i < 2; i += 1) due = local - (localMs(due, timeZone) - due);
  return due;
}

/** Returns the clock of a time zone at a moment, as if it were UTC. */
function localMs(ms: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    ...{ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' },
  }).formatToParts(ms);
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'));
}
