/** Chooses the incidents of one step that those who watch the stream get: the lists have all. */
import { SEVERITIES } from '../alert-config/rules.ts';
import type { WrittenIncident } from './incident-store.ts';

/** Incidents of one step on the stream. */
export const STREAMED_LIMIT = 200;

/**
 * Returns at most STREAMED_LIMIT: those that opened or closed before those that grew, what happens now before what comes from an
 * old log, the gravest first. An old log that opens hundreds in one step must not hide a break-in that is going on.
 */
export function streamed(written: readonly WrittenIncident[]): WrittenIncident[] {
  const rank = ({ became, incident: { late, severity } }: WrittenIncident): number =>
    (became === 'grew' ? 2 * SEVERITIES.length : 0) + (late ? SEVERITIES.length : 0) - SEVERITIES.indexOf(severity);
  return written.toSorted((a, b) => rank(a) - rank(b)).slice(0, STREAMED_LIMIT);
}
