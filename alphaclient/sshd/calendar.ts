/** Log times without a year or a zone, and how they become moments. */

const DAY_MS = 86_400_000;
/** How far a log's own clock or zone may be ahead of the file's time. */
const AHEAD_MS = 26 * 3_600_000;
/** How far a line may be behind the one before it: writers reorder seconds, clocks go back an hour. */
const BEHIND_MS = 2 * DAY_MS;
/** Leap days are at most this many years apart. */
const LEAP_YEARS = 8;

const zones = new Map<string, Intl.DateTimeFormat>();

function offsetMs(zone: string, utcMs: number): number {
  let format = zones.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    zones.set(zone, format);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(utcMs)) part[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part as { [name: string]: number };
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(utcMs / 1000) * 1000;
}

/**
 * The moment of a wall-clock time, in the zone or in this machine's. A time that the clocks skip is the moment after
 * the gap; one that they show twice is the first. NaN when there is no such day.
 */
export function moment(year: number, month: number, day: number, secondOfDay: number, zone?: string): number {
  const wall = Date.UTC(year, month, day) + secondOfDay * 1000;
  const date = new Date(wall);
  if (date.getUTCMonth() !== month && secondOfDay < 86_400) return Number.NaN;
  if (zone === undefined) return new Date(year, month, day, 0, 0, secondOfDay).getTime();
  if (zone === 'UTC') return wall;
  const before = offsetMs(zone, wall - DAY_MS);
  const first = wall - before;
  return offsetMs(zone, first) === before ? first : wall - offsetMs(zone, wall - offsetMs(zone, wall));
}

/**
 * The moment of a time without a year. In a log that goes on (`previousMs`), the first such moment that is not
 * before the line before it; else, or where that would lie in the future of the file, the last one that is not.
 */
export function momentWithoutYear(
  month: number,
  day: number,
  secondOfDay: number,
  writtenMs: number,
  previousMs: number,
  zone?: string,
): number {
  const limit = writtenMs + AHEAD_MS;
  if (!Number.isNaN(previousMs)) {
    const from = new Date(previousMs - BEHIND_MS).getUTCFullYear();
    for (let year = from - 1; year <= from + LEAP_YEARS; year++) {
      const at = moment(year, month, day, secondOfDay, zone);
      if (at > limit) break;
      if (at >= previousMs - BEHIND_MS) return at;
    }
  }
  const newest = new Date(limit).getUTCFullYear() + 1;
  for (let year = newest; year > newest - LEAP_YEARS - 2; year--) {
    const at = moment(year, month, day, secondOfDay, zone);
    if (at <= limit) return at;
  }
  return Number.NaN;
}
