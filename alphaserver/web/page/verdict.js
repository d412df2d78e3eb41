/** The answer in words: is anything wrong, and is anybody looking. Pure. */
import { count, counted } from './count.js';
import { healthOf } from './health.js';
import { isFiltered, RANGES } from './view.js';

/**
 * @import { Alert, Amounts, HostView } from './answers.d.ts'
 * @import { View } from './view.js'
 *
 * What an answer rests on. `more`: there are incidents beyond those named.
 * @typedef {{ concerns: readonly Concern[], more: boolean, amounts: Amounts, hosts: readonly HostView[] }} Grounds
 *
 * @typedef {object} Verdict
 * @property {'quiet' | 'attack' | 'breach' | 'blind'} state `blind`: nothing is known against it, because nobody looks
 * @property {string} title
 * @property {string} why sentences
 * @property {readonly { host: string, words: string }[]} blind hosts where an attack would not be seen now
 */

const RANK = { critical: 0, warning: 1, notice: 2 };
const STANDING = { grave: 0, open: 1, over: 2 };

/**
 * An incident as the answer sees it. `grave`: a critical one that nobody has acknowledged. It counts until somebody has
 * looked, whether or not it is over: who got in last night is not gone because their address is quiet.
 * @typedef {{ alert: Alert, standing: 'grave' | 'open' | 'over', attack: boolean }} Concern
 */

/**
 * Grave first, then what goes on, then what is over; the same kind by severity, then the newest first.
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
 * @param {boolean} counts whether it is among those that say how the fleet is
 * @returns {Concern['standing']}
 */
function standing({ severity, acknowledgedAt, closedAt }, counts) {
  if (counts && severity === 'critical' && acknowledgedAt === null) return 'grave';
  return closedAt === null ? 'open' : 'over';
}

/**
 * @param {Grounds} part
 * @param {View} view
 * @param {number} nowMs
 * @returns {Verdict}
 */
export function verdictOf({ concerns, more, amounts, hosts }, view, nowMs) {
  const number = (/** @type {Concern['standing']} */ wanted) =>
    concerns.filter(({ standing: one }) => one === wanted).length;
  const grave = number('grave');
  const attack = concerns.some((one) => one.attack && one.standing === 'open');
  // Whoever asks about one source or user asks what it did, not who is looking.
  const asked = view.ip === null && view.user === null ? hosts.filter(({ host }) => (view.host ?? host) === host) : [];
  const blind = asked
    .map((host) => ({ host: host.host, health: healthOf(host, nowMs) }))
    .filter(({ health }) => health.level === 'blind')
    .map(({ host, health }) => ({ host, words: health.words }));
  const looking = asked.length - blind.length;
  const state = grave > 0 ? 'breach' : attack ? 'attack' : asked.length > 0 && looking === 0 ? 'blind' : 'quiet';
  return {
    state,
    title: titleOf(state, view, asked.length, looking),
    why: whyOf({ grave, open: number('open'), over: number('over'), more }, state, amounts, view),
    blind,
  };
}

/**
 * @param {Verdict['state']} state
 * @param {View} view
 * @param {number} hosts
 * @param {number} looking
 */
function titleOf(state, view, hosts, looking) {
  if (state === 'breach') return 'Someone got in';
  if (state === 'attack') return 'Under attack';
  if (state === 'blind') return hosts === 1 ? 'Not watched' : 'No host is watched';
  if (isFiltered(view)) return 'No incident here';
  return looking === hosts ? 'All quiet' : `All quiet on ${count(looking)} of ${counted(hosts, 'host')}`;
}

/**
 * @param {{ grave: number, open: number, over: number, more: boolean }} incidents
 * @param {Verdict['state']} state
 * @param {Amounts} amounts
 * @param {View} view
 */
function whyOf({ grave, open, over, more }, state, { attempts, accepted, failed, probes, atLeast }, view) {
  const when =
    view.since !== null ? 'in the time chosen' : `in ${RANGES[/** @type {keyof typeof RANGES} */ (view.range)].said}`;
  const logins = accepted === 0 ? 'No login' : counted(accepted, 'login');
  const least = atLeast ? 'At least ' : '';
  const happened = `${least === '' ? logins : logins.toLowerCase()} and ${counted(failed, 'failed attempt')} ${when}`;
  const sentences = [];
  if (state === 'breach')
    sentences.push(
      `${counted(grave, 'critical incident')} to look at now${open > 0 ? `, ${count(open)} more going on` : ''}.`,
    );
  else if (state === 'attack') sentences.push(`${counted(open, 'incident')} going on; no break-in is known.`);
  else if (attempts + probes === 0) sentences.push(`Nothing happened ${when}.`);
  else if (open > 0) sentences.push(`${counted(open, 'incident')} to look at; nobody is known to attack.`);
  else if (!isFiltered(view)) sentences.push(`${least}${happened}, nothing that stands out.`);
  if (isFiltered(view) && attempts > 0) sentences.push(`${least}${happened}.`);
  if (over > 0)
    sentences.push(
      `${more ? 'More than ' : ''}${counted(over, 'incident')} ${when} ${over === 1 && !more ? 'is' : 'are'} over.`,
    );
  return sentences.join(' ');
}
