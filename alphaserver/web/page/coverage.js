/** Known blind spots: lines that no rule understands, and parts of logs that are lost. */
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
const GAPS_SHOWN = 6;

/**
 * @param {Unseen} part
 * @param {View} view
 * @param {number} nowMs
 */
export function showCoverage({ shapes, gaps }, view, nowMs) {
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
          rest(own.length - SHAPES_SHOWN, 'more shape'),
        ],
  );
  const lost = gaps.filter(({ host }) => view.host === null || view.host === host);
  fill(
    byId('gaps'),
    lost.length === 0
      ? [element('p', { class: 'none' }, 'Nothing: every attempt that was read is here, once.')]
      : [
          ...lost.slice(0, GAPS_SHOWN).map((gap) => lostRow(gap, view, nowMs)),
          rest(lost.length - GAPS_SHOWN, 'more gap'),
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
function shapeRow({ shape, count: times, hosts, sample, lastAt }, view, nowMs) {
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
      hosts.length > HOSTS_NAMED ? ` and ${counted(hosts.length - HOSTS_NAMED, 'more host')}` : null,
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
