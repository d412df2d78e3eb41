/** Computes when a message is made, and when a failed delivery is retried. Pure. */
import { isQuiet, type QuietHours } from '../alert-config/quiet-hours.ts';
import { isAsGrave } from '../alert-config/routing.ts';
import { SEVERITIES, type Severity } from '../alert-config/rules.ts';

/** The first delay after a failure, and the longest. */
export const RETRY_MS = 1_000;
export const RETRY_LIMIT_MS = 15 * 60_000;
/** A receiver may ask for no longer wait than this. */
export const RETRY_AFTER_LIMIT_MS = 3_600_000;
/** A message that its receiver has refused for this long is discarded, so that those behind it are sent. */
export const REFUSED_LIMIT_MS = 24 * 3_600_000;

/**
 * Returns the delay after the `failures`-th failure in a row, milliseconds: doubled each time up to the limit, between half
 * and all of it by `chance` (0 to 1), and never shorter than what the receiver asked for.
 */
export function retryDelayMs(failures: number, retryAfterMs: number | null, chance: number): number {
  const whole = Math.min(RETRY_LIMIT_MS, RETRY_MS * 2 ** Math.min(failures - 1, 20));
  return Math.max(whole * (0.5 + chance / 2), Math.min(retryAfterMs ?? 0, RETRY_AFTER_LIMIT_MS));
}

/** Returns the severities that may be sent now: in quiet hours only grave ones, the rest when they end. */
export function sendable(quietHours: QuietHours | null, nowMs: number): readonly Severity[] {
  if (quietHours === null || !isQuiet(quietHours, nowMs)) return SEVERITIES;
  return SEVERITIES.filter((severity) => isAsGrave(severity, quietHours.severity));
}

/** Holds what the time of a channel's next message depends on. */
export interface Grouping {
  /** The times since which a notification is queued, and at which the last message was made; null for never. Unix milliseconds. */
  readonly sinceMs: number;
  readonly lastMs: number | null;
  readonly groupWaitMs: number;
  readonly groupEveryMs: number;
}

/** Returns the time until the next message is made, milliseconds, 0 for now. A clock that was set back delays by no more than one span. */
export function waitMs({ sinceMs, lastMs, groupWaitMs, groupEveryMs }: Grouping, nowMs: number): number {
  const shared = Math.min(groupWaitMs, sinceMs + groupWaitMs - nowMs);
  const spaced = lastMs === null ? 0 : Math.min(groupEveryMs, lastMs + groupEveryMs - nowMs);
  return Math.max(0, shared, spaced);
}
