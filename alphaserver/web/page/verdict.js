/** The answer in words: is anything wrong, and does anybody watch. Pure. */
import { count, counted, sentence } from './count.js';
import { escapedText } from './escaped.js';
import { healthWords } from './health.js';
import { isWithin } from './network.js';
import { silences } from './standing.js';
import { moment } from './time.js';
import { isFiltered, timeWords } from './view.js';

/**
 * @import { Alert, Amounts, CoverageCounts, Decision, FleetState, Session, WatchedHost } from './answers.d.ts'
 * @import { View } from './view.js'
 *
 * The grounds of an answer. `more`: there are incidents beyond those named. `fleet`: what the server says of all hosts; null
 * where the view is filtered, of which it says nothing. `doubt`: why the server cannot vouch for what it says; null where it
 * can. `past`: what a filtered view is about did at any time, and on which hosts. `known`: something is known of it at all.
 * @typedef {object} Grounds
 * @property {readonly Concern[]} concerns
 * @property {boolean} more
 * @property {Amounts} amounts
 * @property {readonly WatchedHost[]} hosts
 * @property {Unlisted} unlisted hosts that nobody watches, or not up to now, and that are not in `hosts`
 * @property {{ state: FleetState, coverage: CoverageCounts } | null} fleet
 * @property {string | null} doubt
 * @property {(Omit<Amounts, 'hosts' | 'sources' | 'users'> & { where: readonly string[] }) | null} past
 * @property {boolean} known
 * @property {readonly Session[]} sessions of the view that are open
 * @property {readonly Decision[]} decided what people decided and holds; none needed where no concern may be silenced
 *
 * @typedef {object} Verdict
 * @property {FleetState | 'over' | 'nothing'} state `over`: something was, and is no more; `nothing`: nothing is known of what is asked about
 * @property {string} title
 * @property {string} why sentences
 * @property {readonly NamedHost[]} blind hosts where an attack would not show now
 * @property {readonly NamedHost[]} late hosts where one would show with delay, or of which it is not known
 * @property {Unlisted} unlisted how many more there are of both
 *
 * @typedef {{ host: string, words: string }} NamedHost a host, and how it is watched
 * @typedef {Pick<CoverageCounts, 'blind' | 'late'>} Unlisted
 */

const RANK = { critical: 0, warning: 1, notice: 2 };
const STANDING = { unacknowledged: 0, open: 1, closed: 2 };

/**
 * An incident as the answer ranks it. `unacknowledged`: a critical one that nobody has looked at, open or closed: who got in
 * last night is not gone because their address is quiet. `attack`: it counts for the state of the fleet.
 * @typedef {{ alert: Alert, standing: keyof typeof STANDING, attack: boolean }} Concern
 */

/**
 * Unacknowledged ones first, then open, then closed ones; the same kind by severity, then the newest first.
 * @param {readonly Alert[]} because those that say how the fleet is
 * @param {readonly Alert[]} others
 * @returns {Concern[]}
 */
export function concernsOf(because, others) {
  /** @type {Concern[]} */
  const concerns = [
    ...because.map((alert) => ({ alert, standing: standing(alert, true), attack: true })),
    ...others.map((alert) => ({ alert, standing: standing(alert, false), attack: false })),
  ];
  return concerns.sort(
    (a, b) =>
      STANDING[a.standing] - STANDING[b.standing] ||
      RANK[a.alert.severity] - RANK[b.alert.severity] ||
      (a.alert.lastAt < b.alert.lastAt ? 1 : -1),
  );
}

/**
 * @param {Alert} alert
 * @param {boolean} counts for the state of the fleet
 * @returns {Concern['standing']}
 */
function standing({ severity, acknowledgedAt, closedAt }, counts) {
  if (counts && severity === 'critical' && acknowledgedAt === null) return 'unacknowledged';
  return closedAt === null ? 'open' : 'closed';
}

/**
 * @param {Grounds} part
 * @param {View} view
 * @param {number} nowMs
 * @returns {Verdict}
 */
export function verdictOf(part, view, nowMs) {
  const { concerns, more, amounts, hosts, fleet } = part;
  const silenced = new Set(
    concerns.filter((one) => mayBeSilenced(one) && part.decided.some((decision) => silences(decision, one.alert))),
  );
  const number = (/** @type {Concern['standing']} */ wanted) =>
    concerns.filter((one) => one.standing === wanted && !silenced.has(one)).length;
  // Whoever asks about one source or user asks what it did, not who is looking.
  const asked = view.ip === null && view.user === null ? hosts.filter(({ host }) => (view.host ?? host) === host) : [];
  const named = (/** @type {WatchedHost['coverage']} */ wanted) =>
    asked
      .filter(({ coverage }) => coverage === wanted)
      .map((host) => ({ host: host.host, words: healthWords(host, nowMs) }));
  const [blind, late] = [named('blind'), named('late')];
  const unwatched = asked.length > blind.length + late.length ? null : late.length > 0 ? NOT_UP_TO_DATE : NOT_WATCHED;
  const unknown = fleet === null ? unknownWords(part, view, unwatched) : null;
  const still = stillIn(part);
  const past = fleet === null ? pastOf(part, still.length > 0, nowMs) : null;
  const incidents = {
    ...{ unacknowledged: number('unacknowledged'), open: number('open'), closed: number('closed'), more },
    silenced: silenced.size,
    critical: concerns.filter(({ alert }) => alert.severity === 'critical').length,
    acknowledged: concerns.filter(({ alert }) => alert.severity === 'critical' && alert.acknowledgedAt !== null).length,
  };
  const isBreach = incidents.unacknowledged > 0;
  const known = isBreach ? 'breach' : fleet === null ? filteredState(part, unknown, past !== null) : fleet.state;
  const isOver = known === 'over' && past !== null;
  const isStillIn = fleet === null && still.length > 0 && (isOver || known === 'quiet');
  const isSilenced = fleet === null && known === 'quiet' && silenced.size > 0;
  const title = isSilenced
    ? 'Silenced'
    : titleOf(
        known,
        view,
        fleet?.coverage ?? null,
        unknown ?? (part.doubt === null ? null : 'Not known now'),
        trustMark(concerns),
      );
  const doubt = part.doubt === null ? '' : `${part.doubt}: there may be more. `;
  return {
    state: isStillIn ? 'attack' : known,
    title: isStillIn ? stillTitle(still) : isOver ? past.title : title,
    why: `${doubt}${isOver ? past.words : whyOf(incidents, known, amounts, view)}${silencedWords(silenced.size)}${stillWords(still, fleet !== null)}`,
    blind,
    late,
    unlisted: part.unlisted,
  };
}

/**
 * Tells whether an incident would count for the answer but for a silence, as far as it shows: it goes on, or is critical and nobody has
 * looked at it.
 * @param {Concern} concern
 */
export function mayBeSilenced({ alert, standing: one, attack }) {
  return !attack && (one === 'open' || (alert.severity === 'critical' && alert.acknowledgedAt === null));
}

/** @param {number} silenced incidents */
function silencedWords(silenced) {
  return silenced === 0 ? '' : ` ${counted(silenced, 'incident')} ${silenced === 1 ? 'is' : 'are'} silenced.`;
}

/**
 * The open sessions that a critical incident is about, whoever has looked at it: that nothing new came says nothing of who is in.
 * @param {Grounds} part
 */
function stillIn({ concerns, sessions }) {
  const critical = concerns.map(({ alert }) => alert).filter(({ severity }) => severity === 'critical');
  return sessions.filter((session) => critical.some((alert) => isOf(session, alert)));
}

/**
 * Tells whether a session is one that an incident is about: from its source, on its host and of its user, where it names one, and begun
 * before the last that the incident saw. One that begins later is not the login that somebody has looked at.
 * @param {Session} session
 * @param {Alert} alert
 */
function isOf({ ip, host, user, since }, alert) {
  const { source } = alert;
  return (
    source !== null &&
    (since === null || Date.parse(since) <= Date.parse(alert.lastAt)) &&
    (source === ip || isWithin(source, ip)) &&
    (alert.host === null || alert.host === host) &&
    (alert.user === null || alert.user === user)
  );
}

/** @param {readonly Session[]} still */
function stillTitle(still) {
  return still.some(({ followed }) => followed) ? 'Still in' : 'Perhaps still in';
}

/**
 * Says how many sessions of critical incidents are open. Of one that no agent follows any more, it is not known.
 * @param {readonly Session[]} still
 * @param {boolean} isFleet many sessions of others are open beside them
 */
function stillWords(still, isFleet) {
  if (still.length === 0) return '';
  const sure = still.filter(({ followed }) => followed).length;
  const number = sure > 0 ? sure : still.length;
  const whose = isFleet ? ' of critical incidents' : '';
  const end = sure > 0 ? `${number === 1 ? 'is' : 'are'} still open` : 'may still be open';
  return ` ${counted(number, 'session')}${whose} ${end}.`;
}

/**
 * The state of a filtered view.
 * @param {Grounds} part
 * @param {string | null} unknown
 * @param {boolean} isOver
 * @returns {Verdict['state']}
 */
function filteredState({ concerns, doubt }, unknown, isOver) {
  if (doubt !== null) return 'unknown';
  if (concerns.some((one) => one.attack && one.standing === 'open')) return 'attack';
  if (isOver) return 'over';
  if (unknown === null) return 'quiet';
  return unknown === NOT_WATCHED || unknown === NOT_UP_TO_DATE ? 'unknown' : 'nothing';
}

/**
 * Says what somebody did, or what was done to it, whose incidents are over; null where there was none worth a warning.
 * @param {Grounds} part
 * @param {boolean} isStillIn somebody whom they are about has a session that is open
 * @param {number} nowMs
 */
function pastOf({ concerns, past }, isStillIn, nowMs) {
  if (past === null) return null;
  const over = concerns.map(({ alert }) => alert).filter(({ severity, closedAt }) => severity !== 'notice' && closedAt);
  const since = over
    .map(({ closedAt }) => closedAt ?? '')
    .sort()
    .at(-1);
  if (since === undefined) return null;
  const from = over.map(({ openedAt }) => openedAt).sort()[0] ?? since;
  const to =
    over
      .map(({ lastAt }) => lastAt)
      .sort()
      .at(-1) ?? since;
  const { failed, probes, accepted, atLeast, where } = past;
  const did = [
    failed > 0 ? counted(failed, 'failed login') : null,
    probes > 0 ? counted(probes, 'probe') : null,
    accepted > 0 ? counted(accepted, 'login') : null,
  ].filter((words) => words !== null);
  const on =
    where.length === 1 ? ` on ${escapedText(where[0] ?? '')}` : where.length > 1 ? ` on ${where.length} hosts` : '';
  const least = atLeast ? 'at least ' : '';
  const end = `${isStillIn ? 'nothing new' : 'over'} since ${moment(since, nowMs)}`;
  const words = did.length === 0 ? counted(over.length, 'incident') : `${least}${did.join(', ')}${on}`;
  return {
    title: sentence(end),
    words: `${sentence(words)} from ${moment(from, nowMs)} to ${moment(to, nowMs)}, ${end}.`,
  };
}

/** The title of a view of hosts that are known, none of which is watched now. */
const NOT_WATCHED = 'Not watched';
/** The title of one of hosts whose agents have not read their logs up to now. */
const NOT_UP_TO_DATE = 'Not up to date';

/**
 * Says why nothing is known of what a view is filtered by; null where something is.
 * @param {Grounds} part
 * @param {View} view
 * @param {string | null} unwatched the title where no host that was asked for is watched up to now
 */
function unknownWords({ concerns, amounts, hosts, known }, view, unwatched) {
  if (view.host !== null && hosts.every(({ host }) => host !== view.host)) return 'Nothing is known of this host';
  const nothing = !known && concerns.length === 0 && amounts.attempts + amounts.probes === 0;
  if (view.ip !== null) return nothing ? 'Nothing is known of this source' : null;
  if (view.user !== null) return nothing ? 'Nothing is known of this user' : null;
  return unwatched;
}

/**
 * How the title ends where no better log than one that a client can write to says that somebody got in; else an empty text. An incident
 * without events rests on no log.
 * @param {readonly Concern[]} concerns
 */
function trustMark(concerns) {
  const alerts = concerns.filter(({ standing: one }) => one === 'unacknowledged').map(({ alert }) => alert);
  const isSure = alerts.some(({ trust, evidence }) => evidence.length === 0 || (trust ?? 'forgeable') !== 'forgeable');
  return !isSure && alerts.some(({ trust }) => trust === 'forgeable') ? ' (forgeable log)' : '';
}

/**
 * @param {Verdict['state']} state
 * @param {View} view
 * @param {CoverageCounts | null} coverage
 * @param {string | null} unknown
 * @param {string} mark
 */
function titleOf(state, view, coverage, unknown, mark) {
  if (state === 'breach') return `Someone got in${mark}`;
  if (state === 'attack') return 'Under attack';
  if (state === 'unknown' || state === 'nothing')
    return unknown ?? (coverage !== null && coverage.late > 0 ? 'No host is up to date' : 'No host is watched');
  if (isFiltered(view) || coverage === null) return 'No incident here';
  const { live, late, blind } = coverage;
  return late + blind === 0 ? 'All quiet' : `All quiet on ${count(live)} of ${counted(live + late + blind, 'host')}`;
}

/**
 * Says what is known of break-ins beside an attack. No word where one is neither acknowledged nor to be looked at: it is silenced, or old.
 * @param {{ critical: number, acknowledged: number }} incidents
 */
function breakInWords({ critical, acknowledged }) {
  if (acknowledged > 0)
    return `; ${counted(acknowledged, 'critical incident')} ${acknowledged === 1 ? 'is' : 'are'} acknowledged`;
  return critical === 0 ? '; no break-in is to be looked at' : '';
}

/**
 * @param {{ unacknowledged: number, open: number, closed: number, more: boolean, silenced: number, critical: number, acknowledged: number }} incidents
 * @param {Verdict['state']} state
 * @param {Amounts} amounts
 * @param {View} view
 */
function whyOf(incidents, state, { attempts, accepted, failed, probes, atLeast }, view) {
  const { unacknowledged, open, closed, more, silenced } = incidents;
  const when = `in ${timeWords(view)}`;
  const logins = accepted === 0 ? 'No login' : counted(accepted, 'login');
  const least = atLeast ? 'At least ' : '';
  const happened = `${least === '' ? logins : logins.toLowerCase()} and ${counted(failed, 'failed attempt')} ${when}`;
  const sentences = [];
  if (state === 'breach')
    sentences.push(
      `${counted(unacknowledged, 'critical incident')} to look at now${open > 0 ? `, ${count(open)} more going on` : ''}.`,
    );
  else if (state === 'attack') sentences.push(`${counted(open, 'incident')} going on${breakInWords(incidents)}.`);
  else if (attempts + probes === 0) sentences.push(`Nothing happened ${when}.`);
  else if (open > 0) sentences.push(`${counted(open, 'incident')} to look at; nobody is known to attack.`);
  else if (!isFiltered(view))
    sentences.push(`${least}${happened}${closed + silenced === 0 && !more ? ', nothing that stands out' : ''}.`);
  // Where not all events are counted, that no login is among them says nothing of the others.
  if (isFiltered(view) && attempts > 0)
    sentences.push(
      atLeast && accepted === 0
        ? `At least ${counted(failed, 'failed attempt')} ${when}, no login among them.`
        : `${least}${happened}.`,
    );
  if (closed > 0)
    sentences.push(
      `${more ? 'More than ' : ''}${counted(closed, 'incident')} ${when} ${closed === 1 && !more ? 'is' : 'are'} over.`,
    );
  return sentences.join(' ');
}
