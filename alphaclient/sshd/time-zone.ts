/** Local times, and times without a year, as moments. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** A log's own clock or zone may be so far ahead of the file's time. */
export const AHEAD_MS = 26 * HOUR_MS;
/** A line may be so far behind the one before it: writers reorder seconds, clocks go back an hour. */
export const BEHIND_MS = 2 * DAY_MS;
/** Leap days are at most this many years apart. */
const LEAP_YEARS = 8;
/** Clocks are put back so far in autumn: an hour, and half of one on Lord Howe Island. */
const SHIFTS_MS = [HOUR_MS, HOUR_MS / 2];

/** The zone of local times: that of this name (IANA), or this machine's. */
export class TimeZone {
  readonly name: string | undefined;
  #format: Intl.DateTimeFormat | null = null;

  constructor(name?: string) {
    this.name = name;
  }

  /**
   * Gives the moment of a wall-clock time; `month` is 0 to 11. A time that the clocks skip is the moment after the gap, one that they
   * show twice is the first. NaN when there is no such day.
   */
  moment(year: number, month: number, day: number, secondOfDay: number): number {
    const wall = Date.UTC(year, month, day) + secondOfDay * SECOND_MS;
    if (new Date(wall).getUTCMonth() !== month && secondOfDay < DAY_MS / SECOND_MS) return Number.NaN;
    if (this.name === undefined) return new Date(year, month, day, 0, 0, secondOfDay).getTime();
    if (this.name === 'UTC') return wall;
    const before = this.#offsetMs(this.name, wall - DAY_MS);
    const first = wall - before;
    if (this.#offsetMs(this.name, first) === before) return first;
    return wall - this.#offsetMs(this.name, wall - this.#offsetMs(this.name, wall));
  }

  /**
   * Gives the moment of a time without a year. In a log that goes on (`previousMs`), that is the first such moment that is not before
   * the line before it; else, or where that would lie in the future of the file (`writtenMs`), the last one that is not. NaN when there
   * is no such day in years.
   */
  momentWithoutYear(
    month: number,
    day: number,
    secondOfDay: number,
    { writtenMs, previousMs }: { readonly writtenMs: number; readonly previousMs: number },
  ): number {
    const limit = writtenMs + AHEAD_MS;
    if (!Number.isNaN(previousMs)) {
      const from = new Date(previousMs - BEHIND_MS).getUTCFullYear();
      for (let year = from - 1; year <= from + LEAP_YEARS; year++) {
        const at = this.moment(year, month, day, secondOfDay);
        if (at > limit) break;
        if (at >= previousMs - BEHIND_MS) return at;
      }
    }
    const newest = new Date(limit).getUTCFullYear() + 1;
    for (let year = newest; year > newest - LEAP_YEARS - 2; year--) {
      const at = this.moment(year, month, day, secondOfDay);
      if (at <= limit) return at;
    }
    return Number.NaN;
  }

  /** Gives the later moment at which clocks show the same as at this one, because they were put back between the two; NaN when there is none. */
  again(ms: number): number {
    const wall = this.#wallMs(ms);
    return ms + (SHIFTS_MS.find((shift) => this.#wallMs(ms + shift) === wall) ?? Number.NaN);
  }

  /** Returns what clocks show at a moment, as if it were UTC. */
  #wallMs(ms: number): number {
    if (this.name === undefined) return ms - new Date(ms).getTimezoneOffset() * MINUTE_MS;
    return this.name === 'UTC' ? ms : ms + this.#offsetMs(this.name, ms);
  }

  /** Returns how far the clocks of the zone `name` are ahead of UTC at a moment. */
  #offsetMs(name: string, utcMs: number): number {
    this.#format ??= new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    const part: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(utcMs)) part[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part as { [name: string]: number };
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(utcMs / SECOND_MS) * SECOND_MS;
  }
}
