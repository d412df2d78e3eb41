/** How well a host is watched, in words. Pure. */
import { size } from './count.js';
import { lasting } from './time.js';

/** @import { HostView } from './answers.d.ts' */

/** States of an agent that are said in other words. */
const WORDS = new Map([
  ['caught up', 'watching'],
  ['log quiet', 'watching, log quiet'],
  ['starting', 'starting'],
  // A server that has had no report yet cannot say more than that the agent is there.
  ['unknown', 'connected'],
]);
const BEHIND = /^behind by (\d+) bytes$/;
const SILENT = /^agent silent since (\S+)$/;

/**
 * Says how well a host is watched. The server has decided it: `coverage`.
 * @param {HostView} host
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
