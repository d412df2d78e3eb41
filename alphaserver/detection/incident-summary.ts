/** An incident in a sentence for people. */
import { escapeText } from '../../service/escape.ts';
import { fingerprintOf } from '../store/fingerprint.ts';
import type { Incident } from './incident.ts';
import type { OriginNames } from './source-origin.ts';
import { TOUCHED_LIMIT } from './threshold-window.ts';

/** Longest name in a sentence, in UTF-16 units. */
const NAME_SHOWN = 48;
const NAMES_SHOWN = 3;

/** Escapes a name for a sentence and cuts it at NAME_SHOWN: spelled as the page spells it in rows. */
export function shown(name: string): string {
  if (name === '') return '(empty)';
  const text = escapeText(name, NAME_SHOWN);
  return text.startsWith(' ') || text.endsWith(' ') ? text.replaceAll(/^ | $/g, '\\u0020') : text;
}

/** `3 hosts (a, b, c)`, or the one there is. */
function many(names: readonly string[], noun: string): string {
  if (names.length === 1) return shown(names[0] as string);
  const some = names.slice(0, NAMES_SHOWN).map(shown).join(', ');
  const count = names.length >= TOUCHED_LIMIT ? `${TOUCHED_LIMIT} or more` : names.length;
  return `${count} ${noun} (${some}${names.length > NAMES_SHOWN ? ', ...' : ''})`;
}

/** A span in the largest unit that leaves a number above one. */
export function spanWords(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);

/** Holds what a sentence depends on besides the incident. */
export interface SummaryFacts {
  /** True where times were moved into order: nobody knows how long it lasted. */
  readonly isMoved: boolean;
  /** True for a break-in after probes alone. */
  readonly isMild: boolean;
  readonly decoys: { readonly users: readonly string[] };
  /** True when the user came from a country, or by a network operator, for the first time. */
  readonly isFirstCountry: boolean;
  readonly isFirstOperator: boolean;
  /** The time for which the key was not used on the host before, milliseconds. */
  readonly unusedMs: number;
  /** The origin of the one address; null where there are several, or it is not known. */
  readonly origin: OriginNames | null;
}

/** The incident that a sentence is made of. */
type Facts = Omit<Incident, 'summary'>;

/** Says what happened, in one sentence without a full stop, and whether the log that says so can be forged. */
export function summaryOf(incident: Facts, facts: SummaryFacts): string {
  return `${sentence(incident, facts)}${trustWords(incident)}`;
}

const FORGEABLE_MARK = ' (forgeable log)';
const UNKNOWN_MARK = ' (log of unknown trust)';

type Evidence = Pick<Incident, 'decidedBy' | 'trust'>;

/** Returns how a sentence about one incident ends; an empty text where sshd itself wrote the log, or no event decided it. */
function trustWords({ decidedBy, trust }: Evidence): string {
  if (decidedBy === null) return '';
  if (trust === null) return UNKNOWN_MARK;
  return trust === 'forgeable' ? FORGEABLE_MARK : '';
}

/** Returns how a title ends that stands for incidents: `(forgeable log)` where no better log says that any of them happened, else an empty text. */
export function trustMark(incidents: readonly Evidence[]): string {
  const marks = incidents.map(trustWords);
  return marks.includes(FORGEABLE_MARK) && !marks.includes('') ? FORGEABLE_MARK : '';
}

/** Cuts a line that may end in a trust mark to so many UTF-16 units, and keeps the mark. */
export function cutMarked(line: string, limitChars: number): string {
  if (line.length <= limitChars) return line;
  const mark = [FORGEABLE_MARK, UNKNOWN_MARK].find((one) => line.endsWith(one)) ?? '';
  return `${line.slice(0, limitChars - mark.length - 1)}…${mark}`;
}

/** `, the first time from BR and by AS64500 Example`. */
function firstWords({ isFirstCountry, isFirstOperator, origin }: SummaryFacts): string {
  const firsts = [
    ...(isFirstCountry ? [`from ${shown(origin?.country ?? 'another country')}`] : []),
    ...(isFirstOperator ? [`by ${shown(origin?.operator ?? 'another network operator')}`] : []),
  ];
  return firsts.length === 0 ? '' : `, the first time ${firsts.join(' and ')}`;
}

function sentence(incident: Facts, facts: SummaryFacts): string {
  const { isMoved, isMild, decoys } = facts;
  const { rule, hosts, users, ips, count, firstAt, lastAt } = incident;
  // Each sentence names only some of them, and escaping is a good part of what it costs to give an incident.
  const source = () => shown(incident.source ?? 'somebody');
  const from = () => (ips.length === 0 ? 'an unknown address' : shown(incident.source ?? many(ips, 'addresses')));
  const user = () => (incident.user === null ? many(users, 'users') : shown(incident.user));
  const on = hosts.length === 0 ? '' : ` on ${incident.host ? shown(incident.host) : many(hosts, 'hosts')}`;
  const span = isMoved ? '' : ` in ${spanWords(lastAt - firstAt)}`;
  switch (rule) {
    case 'brute-force':
    case 'slow-brute-force':
      return `${source()} tried to log in ${times(count)}${on}${span}, as ${users.length === 0 ? 'no user' : user()}`;
    case 'fleet-scan':
      return `${source()} tried to log in${on}${span}, ${times(count)} in all`;
    case 'user-enumeration':
      return `${source()} tried ${many(users, 'users')}${on}${span}`;
    case 'distributed':
      return `${user()} was tried from ${many(ips, 'addresses')}${on}${span}`;
    case 'break-in':
      return isMild
        ? `${source()} got in by key${on} as ${user()} after tries without any decision, as a client does that has several keys`
        : `${source()} got in${on} as ${user()} after trying again and again`;
    case 'first-seen-source':
      return `${user()} logged in${on} from ${from()}, never seen for this user before${firstWords(facts)}`;
    case 'root-password':
      return `root got in by password${on} from ${from()}`;
    case 'password-on-key-host':
      return `${user()} got in by password${on}, where all came by key before, from ${from()}`;
    case 'dormant-key':
      return `${user()} logged in${on} from ${from()} by a key that was not used there for ${spanWords(facts.unusedMs)}: ${fingerprintOf(incident.key)}`;
    case 'decoy': {
      const named = users.filter((name) => decoys.users.includes(name));
      const what = named.length > 0 ? `the decoy ${many(named, 'users')}` : `a decoy key as ${user()}`;
      return `${from()} used ${what}${on}`;
    }
    case 'sshd-crash':
      return `a process of sshd crashed${on} in a connection from ${from()}`;
    default:
      return rule;
  }
}
