/** Renders messages for our own webhook: JSON, signed by Standard Webhooks (standardwebhooks.com, version 1). */
import { createHmac } from 'node:crypto';
import type { NotificationKind } from '../../alert-config/routing.ts';
import type { Incident } from '../../detection/incident.ts';
import { type Message, pageOf, titleOf } from '../message.ts';
import type { Post } from '../post.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

/** Returns an incident as `GET /api/alerts` shows it, and whether it opened or is over. */
function alertOf(kind: NotificationKind, incident: Incident, page: string | null): unknown {
  const { id, rule, severity, host, source, user, openedAt, lastAt, closedAt, count, summary, evidence, late, trust } =
    incident;
  const { hosts, users, ips, more } = incident;
  return {
    event: kind,
    id,
    rule,
    severity,
    host,
    source,
    user,
    openedAt: iso(openedAt),
    lastAt: iso(lastAt),
    closedAt: closedAt === null ? null : iso(closedAt),
    count,
    summary,
    evidence,
    late,
    trust,
    hosts,
    users,
    sources: ips,
    more,
    page: pageOf(incident, page),
  };
}

/** Returns the key of a secret: base64 behind `whsec_`, as the specification has it, else the text itself. */
const keyOf = (secret: string): Buffer =>
  secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret, 'utf8');

/** Returns `webhook-signature` of a body: `v1,` and the base64 of HMAC-SHA256 over `ID.SECONDS.BODY`. */
export function signatureOf(secret: string, id: string, seconds: number, body: string): string {
  return `v1,${createHmac('sha256', keyOf(secret)).update(`${id}.${seconds}.${body}`).digest('base64')}`;
}

/**
 * Renders the message. The body is the same in each delivery; the time in the signature is that of this delivery, `nowMs`,
 * since a receiver refuses old ones.
 */
export function webhookPost(
  url: string,
  secret: string | null,
  message: Message,
  page: string | null,
  nowMs: number,
): Post {
  const body = JSON.stringify({
    version: 1,
    id: message.id,
    sentAt: iso(message.madeAt),
    test: message.test,
    title: titleOf(message),
    count: message.count,
    alerts: message.notifications.map(({ kind, incident }) => alertOf(kind, incident, page)),
    ...(message.report && { report: { ...message.report.counts, lines: message.report.lines, page } }),
  });
  const seconds = Math.floor(nowMs / 1_000);
  return {
    url,
    headers: {
      'content-type': 'application/json',
      'webhook-id': message.id,
      'webhook-timestamp': String(seconds),
      ...(secret === null ? {} : { 'webhook-signature': signatureOf(secret, message.id, seconds, body) }),
    },
    body,
  };
}
