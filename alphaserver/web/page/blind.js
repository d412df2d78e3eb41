/** What is known not to be known: lines that no rule understands, and parts of logs that are lost. */
import { count, counted } from './count.js';
import { byId, element, fill, foreign } from './element.js';
import { narrowLink } from './links.js';
import { ago } from './time.js';

/**
 * @import { LedgerAgent, Shape } from './answers.d.ts'
 * @import { View } from './view.js'
 */

const SHAPES_SHOWN = 8;
const AGENTS_SHOWN = 12;

/**
 * @param {{ shapes: readonly Shape[], agents: readonly LedgerAgent[] }} part
 * @param {View} view
 * @param {number} nowMs
 */
export function showBlind({ shapes, agents }, view, nowMs) {
  const own = shapes.filter(({ hosts }) => view.host === null || hosts.includes(view.host));
  fill(
    byId('unknown'),
    own.length === 0
      ? [element('p', { class: 'none' }, 'Every line of sshd was understood.')]
      : [
          element(
            'p',
            { class: 'muted' },
            'Lines that look like sshd’s and that no rule knows. An attack could hide in them.',
          ),
          ...own.slice(0, SHAPES_SHOWN).map((shape) => shapeRow(shape, view, nowMs)),
        ],
  );
  const lost = agents.filter(
    (agent) => agent.gaps + agent.declaredLost > 0 && (view.host === null || agent.host === view.host),
  );
  fill(
    byId('gaps'),
    lost.length === 0
      ? [element('p', { class: 'none' }, 'Nothing: every attempt that was read is here, once.')]
      : lost.slice(0, AGENTS_SHOWN).map((agent) => gapRow(agent, view)),
  );
}

/**
 * @param {Shape} shape
 * @param {View} view
 * @param {number} nowMs
 */
function shapeRow({ shape, count: times, hosts, sample, lastAt }, view, nowMs) {
  return element(
    'details',
    { class: 'shape' },
    element('summary', {}, element('span', { class: 'n' }, count(times)), element('code', {}, foreign(shape))),
    element('p', {}, element('span', { class: 'muted' }, 'For example '), element('code', {}, foreign(sample))),
    element(
      'p',
      {},
      element('span', { class: 'muted' }, 'On '),
      ...hosts.slice(0, 5).flatMap((host, i) => [i > 0 ? ', ' : null, narrowLink(view, 'host', host)]),
      hosts.length > 5 ? ` and ${counted(hosts.length - 5, 'more host')}` : null,
      lastAt === null ? null : element('span', { class: 'muted' }, `, last ${ago(lastAt, nowMs)}`),
    ),
  );
}

/**
 * @param {LedgerAgent} agent
 * @param {View} view
 */
function gapRow({ host, gaps, declaredLost }, view) {
  const words = [
    gaps > 0 ? `${counted(gaps, 'event')} never came` : '',
    declaredLost > 0 ? `${counted(declaredLost, 'log line')} lost before they could be read` : '',
  ].filter((text) => text !== '');
  return element('p', {}, narrowLink(view, 'host', host), `: ${words.join(', ')}`);
}
