/** Groups of incidents that a person would call one thing. Pure. */
import { count, counted } from './count.js';
import { networkText, readNetwork } from './network.js';

/**
 * @import { Concern } from './verdict.js'
 *
 * @typedef {object} Group
 * @property {string} key
 * @property {Concern} lead the first of them in the order of concerns
 * @property {readonly Concern[]} members in that order, the lead too
 * @property {'one' | 'subject' | 'rule'} by what they have in common
 */

/** Groups of one rule that stand alone; of more, those that are alike become one. What goes on is worth more room. */
const ALONE = { unacknowledged: Infinity, open: 3, closed: 1 };

/**
 * Puts incidents of one source together, or of one user or host where no source is known; and what is left of one rule where
 * there are many: a day of scans by two hundred sources is one thing.
 * @param {readonly Concern[]} concerns in order
 * @returns {Group[]} in the order of their leads
 */
export function groupsOf(concerns) {
  const bySubject = together(concerns.map((one) => [subjectOf(one), [one]]));
  /** @type {Map<string, number>} */
  const alike = new Map();
  for (const members of bySubject.values()) {
    const rule = ruleOf(members);
    alike.set(rule, (alike.get(rule) ?? 0) + 1);
  }
  const isMany = (/** @type {readonly Concern[]} */ members) =>
    (alike.get(ruleOf(members)) ?? 0) > ALONE[/** @type {Concern} */ (members[0]).standing];
  const byRule = together(
    [...bySubject].map(([subject, members]) => [isMany(members) ? ruleOf(members) : subject, members]),
  );
  return [...byRule].map(([key, members]) => ({
    key,
    lead: /** @type {Concern} */ (members[0]),
    members,
    by: members.length === 1 ? 'one' : isMany(members) ? 'rule' : 'subject',
  }));
}

/** @param {Concern} concern */
function subjectOf({ alert: { id, source, user, host }, standing }) {
  return JSON.stringify([standing, source ?? user ?? host ?? id]);
}

/** @param {readonly Concern[]} members */
function ruleOf(members) {
  const { alert, standing } = /** @type {Concern} */ (members[0]);
  return JSON.stringify([standing, 'rule', alert.rule]);
}

/** @param {readonly (readonly [string, readonly Concern[]])[]} parts */
function together(parts) {
  /** @type {Map<string, Concern[]>} */
  const groups = new Map();
  for (const [key, members] of parts) {
    const group = groups.get(key);
    if (group) group.push(...members);
    else groups.set(key, [...members]);
  }
  return groups;
}

/**
 * Describes a group in addition to its lead's own summary; null where the summary says it all.
 * @param {Group} group
 */
export function groupWords({ members, by, lead }) {
  if (by === 'one') return null;
  const others = members.length - 1;
  if (by === 'subject') return `and ${count(others)} more of ${lead.alert.source === null ? 'it' : 'this source'}`;
  const sources = new Set(members.map(({ alert }) => alert.source).filter((source) => source !== null)).size;
  const many = sources > 1 ? ` by ${counted(sources, 'source')}` : '';
  return `${counted(members.length, 'incident')} of ${lead.alert.rule}${many}`;
}

/** Sources, or hosts, that the server takes in one decision. */
const SOURCES_LIMIT = 40;
const HOSTS_LIMIT = 40;
/** Where there are more sources, the networks around them, in bits: a step wider while there are still too many. */
const AROUND_BITS = [
  { 4: 24, 6: 64 },
  { 4: 16, 6: 48 },
  { 4: 12, 6: 32 },
];

/**
 * Gives what one decision about these sources names: each of them, else the networks that they are in; nothing where even those
 * are too many for one decision.
 * @param {readonly string[]} sources
 * @returns {string[]}
 */
export function silencedTogether(sources) {
  const each = [...new Set(sources)];
  if (each.length <= SOURCES_LIMIT) return each;
  for (const bits of AROUND_BITS) {
    const around = new Set(each.map((source) => networkAround(source, bits)));
    if (around.size <= SOURCES_LIMIT) return [...around];
  }
  return [];
}

/**
 * @param {string} source
 * @param {{ 4: number, 6: number }} bits
 */
function networkAround(source, bits) {
  const [address = '', length] = source.split('/');
  const wanted = bits[address.includes(':') ? 6 : 4];
  const network = Number(length ?? Infinity) > wanted ? readNetwork(`${address}/${wanted}`) : null;
  return network === null ? source : networkText(network);
}

/**
 * What one decision silences of a group: its sources; where none is known, as of `distributed`, its rule on its hosts, and on all hosts
 * where an incident has several. Null where that would be too much. Several sources have commas between, hosts spaces.
 * @param {readonly Concern[]} members
 * @returns {{ source: string | null, host: string | null, rule: string | null } | null}
 */
export function silenceOf(members) {
  const alerts = members.map(({ alert }) => alert);
  const [rule = null, another = null] = new Set(alerts.map((alert) => alert.rule));
  const only = another === null ? rule : null;
  const sources = alerts.map(({ source }) => source).filter((source) => source !== null);
  if (sources.length > 0) {
    const source = silencedTogether(sources).join(',');
    return source === '' ? null : { source, host: null, rule: only };
  }
  const hosts = [...new Set(alerts.map(({ host }) => host))];
  if (!hosts.includes(null) && hosts.length <= HOSTS_LIMIT) return { source: null, host: hosts.join(' '), rule: only };
  return only === null ? null : { source: null, host: null, rule: only };
}

/**
 * Counts incidents that opened after a time; none where it is not known when somebody looked.
 * @param {readonly Concern[]} concerns
 * @param {number | null} lookedMs
 */
export function newOf(concerns, lookedMs) {
  if (lookedMs === null) return 0;
  return concerns.filter(({ alert }) => Date.parse(alert.openedAt) > lookedMs).length;
}
