/** Whether a host is being watched, in words. Pure. */
import { size } from './count.js';
import { lasting } from './time.js';

/** @import { HostView } from './answers.d.ts' */

/** What an agent says of itself while all is well. */
const WELL = { 'caught up': 'watching', 'log quiet': 'watching, log quiet' };
/** What an agent says while it is on its way to being well: nothing is lost, it is only late. */
const LATE = {
  starting: 'starting',
  // A server that has had no report yet cannot say more than that the agent is there.
  unknown: 'connected',
};
const BEHIND = /^behind by (\d+) bytes$/;
const SILENT = /^agent silent since (\S+)$/;

/**
 * `level`: `well` is watched; `late` is watched, with delay; `blind`: an attack there would not be seen now.
 * @typedef {{ level: 'well' | 'late' | 'blind', words: string }} Health
 */

/**
 * @param {HostView} host
 * @param {number} nowMs
 * @returns {Health}
 */
export function healthOf({ connected, state }, nowMs) {
  const silent = SILENT.exec(state);
  if (silent) return { level: 'blind', words: `silent for ${lasting(nowMs - Date.parse(silent[1] ?? ''))}` };
  if (!connected) return { level: 'blind', words: 'not connected' };
  const well = said(WELL, state);
  if (well !== null) return { level: 'well', words: well };
  const behind = BEHIND.exec(state);
  if (behind) return { level: 'late', words: `behind by ${size(Number(behind[1]))}` };
  const late = said(LATE, state);
  return late === null ? { level: 'blind', words: `not looking: ${state}` } : { level: 'late', words: late };
}

/**
 * @param {Readonly<Record<string, string>>} words
 * @param {string} state
 */
function said(words, state) {
  return Object.hasOwn(words, state) ? (words[state] ?? null) : null;
}
