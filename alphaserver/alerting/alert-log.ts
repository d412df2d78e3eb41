/** One line in the log for each alert that opens, and one when it is over. */
import { escapeText } from '../../service/escape.ts';
import type { Logger } from '../../service/logger.ts';
import type { Written } from './incident-store.ts';

/** Says it: critical as an error, for a person is needed; a warning as one; the rest for information. */
export function logAlert(log: Logger, { incident, became }: Written): void {
  if (became === 'grew') return;
  const { id, rule, severity, late, summary, closedAt } = incident;
  const over = became === 'closed' || became === 'withdrawn';
  const how = over ? '' : late ? `, ${closedAt === null ? 'read late' : 'over, read late'}` : '';
  const line = escapeText(`Alert ${over ? 'closed' : 'opened'}: ${severity} ${rule}: ${summary}${how}`);
  const fields = { alert: id, rule, severity };
  if (over || late || severity === 'notice') log.info(line, fields);
  else if (severity === 'critical') log.error(line, fields);
  else log.warn(line, fields);
}
