/** Renders messages for Prometheus Alertmanager's API version 2: one alert an incident; the rest of a storm is one alert with a count. */
import { SEVERITIES } from '../../alert-config/rules.ts';
import type { Incident } from '../../detection/incident.ts';
import { FLEET_KEY } from '../../detection/silent-groups.ts';
import { type Message, pageOf, titleOf } from '../message.ts';
import { jsonPost, type Post } from '../post.ts';

/** Alertmanager resolves an alert when its end has passed. An open incident is sent once, so its end is far away. */
const OPEN_MS = 30 * 86_400_000;

interface Credentials {
  readonly user: string | null;
  readonly password: string | null;
}

/** The instance of what is about no single host. */
const FLEET = 'fleet';

const iso = (ms: number): string => new Date(ms).toISOString();

/** True for incidents that are about several hosts from the start. */
const isOfFleet = ({ rule, key }: Incident): boolean =>
  rule === 'fleet-scan' || (rule === 'agent-silent' && key === FLEET_KEY);

/**
 * Returns the instances under which Alertmanager may know an incident, that of now first: at most TOUCHED_LIMIT and one. A late event
 * puts another host before the others, and an older version said `fleet` where there were several.
 */
function instancesOf(incident: Incident): string[] {
  const { hosts } = incident;
  if (isOfFleet(incident)) return [FLEET];
  return hosts.length === 1 ? [...hosts] : [...new Set([...hosts, FLEET])];
}

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
    const [instance = FLEET, ...otherInstances] = instancesOf(incident);
    const alert = {
      // Alertmanager knows an alert by its labels.
      labels: { alertname: rule, severity, incident: id, instance, job: 'asgard' },
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
    // One that turned out graver, that a reload of the rules made milder, or that had another instance was another alert: what was
    // known of it is over.
    const pastAt = iso(Math.min(openedAt, message.madeAt));
    const others = SEVERITIES.filter((one) => one !== severity).map((one) => ({
      ...alert,
      labels: { ...alert.labels, severity: one },
      startsAt: pastAt,
      endsAt: pastAt,
    }));
    // Without annotations: of many incidents with many hosts they would be most of the message.
    const elsewhere = otherInstances.flatMap((other) =>
      SEVERITIES.map((one) => ({
        labels: { ...alert.labels, instance: other, severity: one },
        startsAt: pastAt,
        endsAt: pastAt,
      })),
    );
    return [alert, ...others, ...elsewhere];
  });
  const left = message.count - message.notifications.length;
  const rest = {
    labels: { alertname: 'storm', severity: 'warning', incident: message.id, instance: FLEET, job: 'asgard' },
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
