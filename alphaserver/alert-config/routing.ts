/** Decides which channels are notified of an incident. */
import { type Rule, SEVERITIES, type Severity } from './rules.ts';
import type { AlertSettings } from './settings.ts';

/** The kinds of notifications about an incident: that it opened, or that it is over. */
export type NotificationKind = 'opened' | 'resolved';

/** The part of an incident that routing depends on. */
export interface RoutedIncident {
  readonly rule: Rule;
  readonly severity: Severity;
  readonly late: boolean;
  /** The id of the fleet-scan that it is a part of, or null. */
  readonly partOf: string | null;
}

/** Tells whether `given` is at least as grave as `least`. */
export const isAsGrave = (given: Severity, least: Severity): boolean =>
  SEVERITIES.indexOf(given) >= SEVERITIES.indexOf(least);

/**
 * Returns the names of the channels to notify: those of the rule (all where it names none) that take this severity and
 * kind. Parts of a scan notify nobody, for the scan does; neither do late ones unless the settings ask for it.
 */
export function channelsFor(settings: AlertSettings, incident: RoutedIncident, kind: NotificationKind): string[] {
  if (incident.partOf !== null || (incident.late && !settings.notifyLate)) return [];
  return (settings.routes[incident.rule] ?? Object.keys(settings.channels)).filter((name) => {
    const channel = settings.channels[name];
    return (
      channel !== undefined && isAsGrave(incident.severity, channel.severity) && (kind === 'opened' || channel.resolved)
    );
  });
}
