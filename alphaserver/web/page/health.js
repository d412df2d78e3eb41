/** Coverage of a host, and trust in its log, in words. Pure. */
import { size } from './count.js';
import { lasting } from './time.js';

/** @import { WatchedHost } from './answers.d.ts' */

/** States of an agent that have other words on the page. */
const WORDS = new Map([
  ['caught up', 'watching'],
  ['log quiet', 'watching, log quiet'],
  ['starting', 'starting'],
  // A server that has had no report yet cannot say more than that the agent is there.
  ['unknown', 'connected, no report yet'],
]);
const BEHIND = /^behind by (\d+) bytes$/;
const SILENT = /^agent silent since (\S+)$/;

/**
 * Says how well a host is watched. The server has decided it: `coverage`.
 * @param {WatchedHost} host
 * @param {number} nowMs
 */
export function healthWords({ connected, state, coverage }, nowMs) {
  const silent = SILENT.exec(state);
  if (silent) return `silent for ${lasting(nowMs - Date.parse(silent[1] ?? ''))}`;
  if (!connected) return 'not connected';
  if (coverage === 'blind') return `not looking: ${state}`;
  const behind = BEHIND.exec(state);
  return behind ? `behind by ${size(Number(behind[1]))}` : (WORDS.get(state) ?? state);
}

const RELEASES = {
  sshd: 'before 9.8, by the name of its processes',
  'sshd-session': '9.8 or newer, by the name of its processes (sshd-session)',
  'sshd-auth': '10.0 or newer, by the name of its processes (sshd-auth)',
};

/**
 * Says what a host's log says of the release of its sshd.
 * @param {WatchedHost} host
 */
export function releaseWords({ sshd }) {
  if (sshd?.version) return sshd.version.replace('_', ' ');
  return sshd?.program ? `OpenSSH ${RELEASES[sshd.program]}` : 'not known: its log does not say, or a relay reads it';
}

const TRUST = {
  journal: 'by journald, from sshd itself',
  syslog: 'by a syslog, which any program of the host may write to',
  forgeable: 'where a client can write whole lines: it may be forged',
};

/**
 * Says how sure it is that sshd wrote the lines of a log.
 * @param {keyof typeof TRUST | null | undefined} trust
 */
export function trustWords(trust) {
  return trust ? TRUST[trust] : 'it is not known by what: it may be forged';
}
