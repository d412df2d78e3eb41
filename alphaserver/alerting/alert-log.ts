/** Logs an alert that opens and one that closes, a line each. */
import { escapeText } from '../../service/escape.ts';
import type { Logger } from '../../service/logger.ts';
import type { WrittenIncident } from './incident-store.ts';

/** Logs a critical alert as an error, since a person is needed, a warning as one, and the rest for information. */
export function logAlert(log: Logger, { incident, became }: Pick<WrittenIncident, 'incident' | 'became'>): void {
  if (became === 'grew' || became === 'replaced') return;
  const { id, rule, severity, late, summary, closedAt } = incident;
  const over = became === 'closed' || became === 'withdrawn';
  const how = over ? '' : late ? `, ${closedAt === null ? 'read late' : 'over, read late'}` : '';
  const line = escapeText(`Alert ${over ? 'closed' : 'opened'}: ${severity} ${rule}: ${summary}${how}`);
  const fields = { alert: id, rule, severity };
  if (over || late || severity === 'notice') log.info(line, fields);
  else if (severity === 'critical') log.error(line, fields);
  else log.warn(line, fields);
}
