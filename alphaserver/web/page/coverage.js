/** Known blind spots: lines that are not understood, and parts of logs that are lost. */
import { count, counted } from './count.js';
import { byId, element, fill, foreign } from './element.js';
import { filterLink } from './links.js';
import { gapSize } from './rows.js';
import { ago } from './time.js';

/**
 * @import { Shape, StoredGap } from './answers.d.ts'
 * @import { Unseen } from './load-board.js'
 * @import { View } from './view.js'
 */

const SHAPES_SHOWN = 8;
const HOSTS_NAMED = 5;
/** Hosts of a shape that the server names at most. */
const HOSTS_LISTED = 20;
const GAPS_SHOWN = 6;

/**
 * @param {Unseen} part
 * @param {View} view
 * @param {number} nowMs
 */
export function showCoverage({ shapes, gaps, more }, view, nowMs) {
  fill(
    byId('unknown'),
    shapes.length === 0
      ? [element('p', { class: 'none' }, 'Every line of sshd was understood.')]
      : [
          element(
            'p',
            { class: 'muted' },
            'Lines that look like sshd’s and that are not understood. An attack could hide in them.',
          ),
          ...shapes.slice(0, SHAPES_SHOWN).map((shape) => shapeRow(shape, view, nowMs)),
          rest(shapes.length - SHAPES_SHOWN, 'more shape'),
        ],
  );
  fill(
    byId('gaps'),
    gaps.length === 0
      ? [element('p', { class: 'none' }, 'Nothing: every attempt that was read is here, once.')]
      : [
          ...gaps.slice(0, GAPS_SHOWN).map((gap) => lostRow(gap, view, nowMs)),
          rest(gaps.length - GAPS_SHOWN, more ? 'or more gap' : 'more gap'),
        ],
  );
}

/**
 * @param {number} number
 * @param {string} noun
 */
function rest(number, noun) {
  return number > 0 ? element('p', { class: 'muted' }, `and ${counted(number, noun)}`) : null;
}

/**
 * @param {Shape} shape
 * @param {View} view
 * @param {number} nowMs
 */
function shapeRow({ shape, count: times, agents, hosts, sample, lastAt }, view, nowMs) {
  // The server names some hosts of many agents; which are of the same host it does not say.
  const [others, noun] =
    hosts.length < HOSTS_LISTED ? [hosts.length - HOSTS_NAMED, 'more host'] : [agents - HOSTS_NAMED, 'more agent'];
  return element(
    'details',
    { class: 'shape', 'data-key': shape },
    element('summary', {}, element('span', { class: 'n' }, count(times)), element('code', {}, foreign(shape))),
    element('p', {}, element('span', { class: 'muted' }, 'For example '), element('code', {}, foreign(sample))),
    element(
      'p',
      {},
      element('span', { class: 'muted' }, 'On '),
      ...hosts.slice(0, HOSTS_NAMED).flatMap((host, i) => [i > 0 ? ', ' : null, filterLink(view, 'host', host)]),
      others > 0 ? ` and ${counted(others, noun)}` : null,
      lastAt === null ? null : element('span', { class: 'muted' }, `, last ${ago(lastAt, nowMs)}`),
    ),
  );
}

/**
 * @param {StoredGap} gap
 * @param {View} view
 * @param {number} nowMs
 */
function lostRow(gap, view, nowMs) {
  const much = gapSize(gap);
  return element(
    'p',
    {},
    filterLink(view, 'host', gap.host),
    ': ',
    foreign(gap.text),
    element('span', { class: 'muted' }, `${much === null ? '' : `, ${much}`}, ${ago(gap.at, nowMs)}`),
  );
}
