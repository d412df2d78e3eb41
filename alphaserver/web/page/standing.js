/** Decisions of people that hold now, and what they are about. Pure but for the question. */
import { ask } from './api.js';
import { isWithin } from './network.js';

/** @import { Alert, Decision } from './answers.d.ts' */

/** Decisions that are asked for, the newest of those that hold, as many as a list of the API has. */
const ASKED = '1000';

/**
 * Asks for the blocks, allowances and silences that hold, newest first.
 * @param {AbortSignal} [signal]
 * @returns {Promise<Decision[]>}
 */
export async function askStanding(signal) {
  /** @type {{ decisions: Decision[] }} */
  const { decisions } = await ask('/api/decisions', { holds: 'true', limit: ASKED }, signal);
  return decisions;
}

/**
 * Tells whether a decision silences an incident, as the server does.
 * @param {Pick<Decision, 'kind' | 'rule' | 'host' | 'source'>} decision
 * @param {Pick<Alert, 'rule' | 'host' | 'source'>} alert
 */
export function silences({ kind, rule, host, source }, alert) {
  return (
    kind === 'silence' &&
    (rule === null || rule === alert.rule) &&
    (host === null || host.split(' ').some((one) => one === alert.host)) &&
    (source === null || isOfSource(source, alert.source))
  );
}

/**
 * Tells whether a decision is about a source or a host by its name, or about what an incident is about.
 * @param {Decision} decision
 * @param {{ source: string | null, host: string | null, alert: Alert | null }} subject
 */
export function isDecidedOf(decision, { source, host, alert }) {
  if (decision.kind === 'silence' && alert !== null) return silences(decision, alert);
  if (decision.source !== null && isOfSource(decision.source, source)) return true;
  return alert === null && host !== null && (decision.host ?? '').split(' ').includes(host);
}

/**
 * @param {string} decided an address or a network, or several with commas between
 * @param {string | null} source
 */
function isOfSource(decided, source) {
  return decided.split(',').some((one) => one === source || (one.includes('/') && isWithin(one, source)));
}
