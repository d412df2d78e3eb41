/** Hours in which only grave incidents are notified. */
import type { Severity } from './rules.ts';

/** A span of the day in a time zone, in minutes since midnight; `from` after `until` crosses midnight. */
export interface QuietHours {
  readonly fromMinute: number;
  readonly untilMinute: number;
  readonly timeZone: string;
  /** The least severity that is notified all the same. */
  readonly severity: Severity;
}

/** Tells whether a moment is within quiet hours. */
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
