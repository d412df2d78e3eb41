/** Which channels are told of an incident. */
import { type Rule, SEVERITIES, type Severity } from './rules.ts';
import type { AlertSettings } from './settings.ts';

/** What is told of an incident: that it opened, or that it is over. */
export type NoticeKind = 'opened' | 'resolved';

/** What of an incident decides who is notified. */
export interface RoutedIncident {
  readonly rule: Rule;
  readonly severity: Severity;
  readonly late: boolean;
  /** The id of the fleet-scan that it is a part of, or null. */
  readonly partOf: string | null;
}

/** True when `given` is at least as grave as `least`. */
export const isAsGrave = (given: Severity, least: Severity): boolean =>
  SEVERITIES.indexOf(given) >= SEVERITIES.indexOf(least);

/**
 * Names of the channels that are told: those of the rule (all where it names none) that take this severity and kind.
 * Nobody is told of parts of a scan, which stands for them, nor of what came late unless the settings ask for it.
 */
export function channelsFor(settings: AlertSettings, incident: RoutedIncident, kind: NoticeKind): string[] {
  if (incident.partOf !== null || (incident.late && !settings.tellLate)) return [];
  return (settings.routes[incident.rule] ?? Object.keys(settings.channels)).filter((name) => {
    const channel = settings.channels[name];
    return (
      channel !== undefined && isAsGrave(incident.severity, channel.severity) && (kind === 'opened' || channel.resolved)
    );
  });
}
