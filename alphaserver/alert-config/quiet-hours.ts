/** Hours in which only what is grave is told. */
import type { Severity } from './rules.ts';

/** Minutes of the day in a time zone; `from` after `until` goes over midnight. */
export interface QuietHours {
  readonly fromMinute: number;
  readonly untilMinute: number;
  readonly timeZone: string;
  /** The least severity that is told all the same. */
  readonly severity: Severity;
}

/** True while only what is grave is told. */
export function isQuiet(hours: QuietHours, nowMs: number): boolean {
  const { fromMinute, untilMinute, timeZone } = hours;
  const text = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).format(nowMs);
  const minute = Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5));
  return fromMinute <= untilMinute
    ? minute >= fromMinute && minute < untilMinute
    : minute >= fromMinute || minute < untilMinute;
}
