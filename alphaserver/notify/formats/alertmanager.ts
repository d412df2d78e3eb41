/** Renders messages for Prometheus Alertmanager's API version 2: one alert an incident; the rest of a storm is one alert with a count. */
import { SEVERITIES } from '../../alert-config/rules.ts';
import { type Message, pageOf, titleOf } from '../message.ts';
import { jsonPost, type Post } from '../post.ts';

/** Alertmanager resolves an alert when its end has passed. An open incident is sent once, so its end is far away. */
const OPEN_MS = 30 * 86_400_000;

interface Credentials {
  readonly user: string | null;
  readonly password: string | null;
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** Renders the message. Text from outside is in annotations, the host apart: Alertmanager groups and routes by labels. */
export function alertmanagerPost(
  url: string,
  { user, password }: Credentials,
  message: Message,
  page: string | null,
): Post {
  const alerts = message.notifications.flatMap(({ kind, incident, number = 1 }) => {
    const { id, rule, severity, hosts, source, summary, openedAt, closedAt, lastAt } = incident;
    const link = pageOf(incident, page);
    const endsAt = kind === 'resolved' ? (closedAt ?? lastAt) : openedAt + OPEN_MS;
    const alert = {
      // Alertmanager knows an alert by its labels. Hosts are only added to those that an incident names, so the first one stays.
      labels: { alertname: rule, severity, incident: id, instance: hosts[0] ?? 'fleet', job: 'asgard' },
      annotations: {
        summary,
        source: source ?? incident.ips.join(', '),
        user: incident.users.join(', '),
        hosts: hosts.join(', '),
        trust: incident.trust ?? '',
      },
      // A host whose clock is ahead can open an incident after it is over; Alertmanager refuses an end before the start.
      startsAt: iso(Math.min(openedAt, endsAt)),
      endsAt: iso(endsAt),
      ...(link === null ? {} : { generatorURL: link }),
    };
    if (kind === 'opened' && number === 1) return [alert];
    // One that turned out graver, or that a reload of the rules made milder, was another alert: what was known of it is over.
    const pastAt = iso(Math.min(openedAt, message.madeAt));
    const others = SEVERITIES.filter((one) => one !== severity).map((one) => ({
      ...alert,
      labels: { ...alert.labels, severity: one },
      startsAt: pastAt,
      endsAt: pastAt,
    }));
    return [alert, ...others];
  });
  const left = message.count - message.notifications.length;
  const rest = {
    labels: { alertname: 'storm', severity: 'warning', incident: message.id, instance: 'fleet', job: 'asgard' },
    annotations: { summary: titleOf(message), source: '', user: '', hosts: '', trust: '' },
    startsAt: iso(message.madeAt),
    endsAt: iso(message.madeAt + 3_600_000),
    ...(page === null ? {} : { generatorURL: page }),
  };
  const basic = user === null ? null : Buffer.from(`${user}:${password ?? ''}`, 'utf8').toString('base64');
  return jsonPost(
    `${url.replace(/\/+$/, '')}/api/v2/alerts`,
    left > 0 ? [...alerts, rest] : alerts,
    basic === null ? {} : { authorization: `Basic ${basic}` },
  );
}
