/** Renders messages for PagerDuty's Events API version 2: one event an incident, with its id as key; a storm's rest is one event with a count. */
import { cutMarked } from '../../detection/incident-summary.ts';
import { gravest, lineOf, type Message, pageOf, titleOf } from '../message.ts';
import { jsonPost, type Post } from '../post.ts';

const EVENTS_URL = 'https://events.pagerduty.com/v2/enqueue';
/** PagerDuty's bound on a summary, in characters. */
const SUMMARY_LIMIT = 1_024;
const SEVERITIES = { critical: 'critical', warning: 'warning', notice: 'info' };

/**
 * Renders the message; `url` null is PagerDuty's own. A test, and a message all of which is listed as over, is sent as a resolve,
 * which pages nobody. What is not listed may have opened: a rest that stands for such pages somebody.
 */
export function pagerdutyPost(url: string | null, routingKey: string, message: Message, page: string | null): Post {
  const [only] = message.notifications;
  const single = message.count === 1 && only !== undefined && !message.test ? only : null;
  const link = single === null ? page : pageOf(single.incident, page);
  const over = message.notifications.filter(({ kind }) => kind === 'resolved').length;
  const resolved = message.test || over === message.count;
  return jsonPost(url ?? EVENTS_URL, {
    routing_key: routingKey,
    event_action: resolved ? 'resolve' : 'trigger',
    dedup_key: `asgard-${single?.incident.id ?? message.id}`,
    client: 'Asgard',
    ...(link === null ? {} : { client_url: link, links: [{ href: link, text: 'What happened' }] }),
    payload: {
      summary: cutMarked(single === null ? titleOf(message) : lineOf(single), SUMMARY_LIMIT),
      source: single?.incident.host ?? 'asgard',
      severity: SEVERITIES[gravest(message)],
      timestamp: new Date(single?.incident.openedAt ?? message.madeAt).toISOString(),
      ...(single === null
        ? {}
        : {
            class: single.incident.rule,
            custom_details: {
              hosts: single.incident.hosts,
              users: single.incident.users,
              sources: single.incident.ips,
              count: single.incident.count,
              trust: single.incident.trust,
            },
          }),
    },
  });
}
