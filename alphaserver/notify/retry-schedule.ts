/** When a message is made, and when one that failed is tried again. Pure. */
import { isQuiet, type QuietHours } from '../alert-config/quiet-hours.ts';
import { isAsGrave } from '../alert-config/routing.ts';
import { SEVERITIES, type Severity } from '../alert-config/rules.ts';

/** The first delay after a failure, and the longest. */
export const RETRY_MS = 1_000;
export const RETRY_LIMIT_MS = 15 * 60_000;
/** The longest that a receiver may ask to be left alone. */
export const RETRY_AFTER_LIMIT_MS = 3_600_000;
/** A message that its receiver refuses for so long is given up, so that it does not keep the others from going out. */
export const REFUSED_LIMIT_MS = 24 * 3_600_000;

/**
 * The delay after the `failures`-th failure in a row, milliseconds: doubled each time up to the limit, between half and all of
 * it by `chance` (0 to 1), and never shorter than what the receiver asked for.
 */
export function retryDelayMs(failures: number, retryAfterMs: number | null, chance: number): number {
  const whole = Math.min(RETRY_LIMIT_MS, RETRY_MS * 2 ** Math.min(failures - 1, 20));
  return Math.max(whole * (0.5 + chance / 2), Math.min(retryAfterMs ?? 0, RETRY_AFTER_LIMIT_MS));
}

/** The severities that may be told now: in quiet hours only what is grave enough, the rest when they end. */
export function tellable(quietHours: QuietHours | null, nowMs: number): readonly Severity[] {
  if (quietHours === null || !isQuiet(quietHours, nowMs)) return SEVERITIES;
  return SEVERITIES.filter((severity) => isAsGrave(severity, quietHours.severity));
}

/** What a channel's next message waits for. */
export interface Pace {
  /** Since when something waits, and when the last message was made; null for never. Unix milliseconds. */
  readonly sinceMs: number;
  readonly lastMs: number | null;
  readonly groupWaitMs: number;
  readonly groupEveryMs: number;
}

/** How long until the next message is made, milliseconds, 0 for now. A clock that was set back delays by no more than one span. */
export function waitMs({ sinceMs, lastMs, groupWaitMs, groupEveryMs }: Pace, nowMs: number): number {
  const shared = Math.min(groupWaitMs, sinceMs + groupWaitMs - nowMs);
  const spaced = lastMs === null ? 0 : Math.min(groupEveryMs, lastMs + groupEveryMs - nowMs);
  return Math.max(0, shared, spaced);
}
