/** Whether a host is being watched, in words. Pure. */
import { lasting } from './time.js';

/** @import { HostView } from './answers.d.ts' */

/** What an agent says of itself while all is well. */
const WELL = new Set(['caught up', 'log quiet']);
/** What an agent says while it is on its way to being well: nothing is lost, it is only late. */
const LATE = /^(?:behind by (\d+) bytes|starting)$/;
const SILENT = /^agent silent since (\S+)$/;

/**
 * `level`: `well` is watched; `late` is watched, with delay; `blind`: an attack there would not be seen now.
 * @param {HostView} host
 * @param {number} nowMs
 * @returns {{ level: 'well' | 'late' | 'blind', words: string }}
 */
export function healthOf({ connected, state }, nowMs) {
  const silent = SILENT.exec(state);
  if (silent) return { level: 'blind', words: `silent for ${lasting(nowMs - Date.parse(silent[1] ?? ''))}` };
  if (!connected) return { level: 'blind', words: 'not connected' };
  if (WELL.has(state)) return { level: 'well', words: state === 'log quiet' ? 'watching, log quiet' : 'watching' };
  if (LATE.test(state)) return { level: 'late', words: state === 'starting' ? state : 'behind, catching up' };
  // A server that has had no report yet cannot say more than that the agent is there.
  if (state === 'unknown') return { level: 'late', words: 'connected' };
  return { level: 'blind', words: `not looking: ${state}` };
}
