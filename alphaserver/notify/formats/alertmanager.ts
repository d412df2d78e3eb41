/** Renders messages for Prometheus Alertmanager's API version 2: one alert an incident; the rest of a storm is one alert with a count. */
import { SEVERITIES } from '../../alert-config/rules.ts';
import type { Incident } from '../../detection/incident.ts';
import { cutMarked } from '../../detection/incident-summary.ts';
import { FLEET_KEY } from '../../detection/silent-groups.ts';
import { type Message, pageOf, titleOf } from '../message.ts';
import { jsonPost, type Post } from '../post.ts';

/** Alertmanager resolves an alert when its end has passed. An open incident is sent once, so its end is far away. */
const OPEN_MS = 30 * 86_400_000;

/**
 * The most alerts of one message. 100 ends of 64 hosts would be 19,500 of them, and 5 MB; a proxy before Alertmanager refuses more
 * than 1 MiB (the default of nginx), and a refused message keeps back all behind it for a day.
 */
export const ALERTS_LIMIT = 1_000;
/** The most of a list of names in an annotation, in UTF-16 units: 64 names of 22, so that a whole message stays below 1 MiB. */
export const LIST_LIMIT = 1_536;

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
 * Returns the instances under which Alertmanager may know an incident, that of now first, then the likeliest: at most TOUCHED_LIMIT
 * and one. A late event puts another host before the others, and an older version sent `fleet` where there were several.
 */
function instancesOf(incident: Incident): string[] {
  const { hosts } = incident;
  if (isOfFleet(incident)) return [FLEET];
  return hosts.length === 1 ? [...hosts] : [...new Set([...hosts.slice(0, 2), FLEET, ...hosts])];
}

const listOf = (names: readonly string[]): string => cutMarked(names.join(', '), LIST_LIMIT);

/** Returns at most `limit` values of the lists: the first of each, then the second of each, and so on. */
function sharedOut<T>(lists: readonly (readonly T[])[], limit: number): T[] {
  const shared: T[] = [];
  const depth = Math.max(0, ...lists.map(({ length }) => length));
  for (let i = 0; i < depth && shared.length < limit; i += 1)
    shared.push(...lists.flatMap((list) => list.slice(i, i + 1)));
  return shared.slice(0, limit);
}

/**
 * Renders the message, as at most ALERTS_LIMIT alerts: each incident has those of its own instance, and the other instances share
 * what is left. Text from outside is in annotations, the host apart: Alertmanager groups and routes by labels.
 */
export function alertmanagerPost(
  url: string,
  { user, password }: Credentials,
  message: Message,
  page: string | null,
): Post {
  const parts = message.notifications.map(({ kind, incident, number = 1 }) => {
    const { id, rule, severity, hosts, source, summary, openedAt, closedAt, lastAt } = incident;
    const link = pageOf(incident, page);
    const endsAt = kind === 'resolved' ? (closedAt ?? lastAt) : openedAt + OPEN_MS;
    const [instance = FLEET, ...otherInstances] = instancesOf(incident);
    const alert = {
      // Alertmanager knows an alert by its labels.
      labels: { alertname: rule, severity, incident: id, instance, job: 'asgard' },
      annotations: {
        summary,
        source: source ?? listOf(incident.ips),
        user: listOf(incident.users),
        hosts: listOf(hosts),
        trust: incident.trust ?? '',
      },
      // A host whose clock is ahead can open an incident after it is over; Alertmanager refuses an end before the start.
      startsAt: iso(Math.min(openedAt, endsAt)),
      endsAt: iso(endsAt),
      ...(link === null ? {} : { generatorURL: link }),
    };
    if (kind === 'opened' && number === 1) return { own: [alert], elsewhere: [] };
    // One that turned out graver, that a reload of the rules made milder, or that had another instance was another alert: what was
    // known of it is over.
    const pastAt = iso(Math.min(openedAt, message.madeAt));
    const others = SEVERITIES.filter((one) => one !== severity).map((one) => ({
      ...alert,
      labels: { ...alert.labels, severity: one },
      // What happened, without the lists of names: they would be most of the message.
      annotations: { summary },
      startsAt: pastAt,
      endsAt: pastAt,
    }));
    const elsewhere = otherInstances.map((other) =>
      SEVERITIES.map((one) => ({
        labels: { ...alert.labels, instance: other, severity: one },
        startsAt: pastAt,
        endsAt: pastAt,
      })),
    );
    return { own: [alert, ...others], elsewhere };
  });
  const own = parts.flatMap((part) => part.own);
  // One alert is left for the rest of a storm.
  const room = Math.floor((ALERTS_LIMIT - 1 - own.length) / SEVERITIES.length);
  const elsewhere = sharedOut(
    parts.map((part) => part.elsewhere),
    room,
  );
  const alerts = [...own, ...elsewhere.flat()];
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
