/** Plain JSON, signed as Standard Webhooks (standardwebhooks.com, version 1) has it. */
import { createHmac } from 'node:crypto';
import type { NoticeKind } from '../../alert-config/routing.ts';
import type { Incident } from '../../detection/incident.ts';
import { type Message, pageOf, titleOf } from '../message.ts';
import type { Post } from '../post.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

/** An incident as `GET /api/alerts` shows it, with what is told of it. */
function alertOf(kind: NoticeKind, incident: Incident, page: string | null): unknown {
  const { id, rule, severity, host, source, user, openedAt, lastAt, closedAt, count, summary, evidence, late } =
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
    hosts,
    users,
    sources: ips,
    more,
    page: pageOf(incident, page),
  };
}

/** The key of a secret: base64 behind `whsec_`, as the specification writes it, else the text itself. */
const keyOf = (secret: string): Buffer =>
  secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret, 'utf8');

/** `webhook-signature` of a body: `v1,` and the base64 of HMAC-SHA256 over `ID.SECONDS.BODY`. */
export function signatureOf(secret: string, id: string, seconds: number, body: string): string {
  return `v1,${createHmac('sha256', keyOf(secret)).update(`${id}.${seconds}.${body}`).digest('base64')}`;
}

/**
 * The body is the same at each try; the time in the signature is that of the try, since a receiver refuses old ones.
 * `nowMs` is the time of the try.
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
    alerts: message.told.map(({ kind, incident }) => alertOf(kind, incident, page)),
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
