/** The first steps of somebody who has no host yet. */
import { byId, element, fill } from './element.js';
import { firstSteps } from './first-steps.js';

/** Says how the first agent is started. */
export function showWelcome() {
  const place = byId('welcome');
  const { installation = '', scheme = '', port = '', joinNames = '' } = place.dataset;
  const names = joinNames.split(' ').filter((name) => name !== '');
  const steps = firstSteps({ installation, scheme, port, joinNames: names }, location.hostname);
  fill(place, [
    element('h1', { id: 'welcome-title' }, 'No host is watched yet'),
    ...steps.flatMap(({ words, commands }) => [
      element('p', {}, words),
      element('pre', { tabindex: '0' }, element('code', {}, commands.join('\n'))),
    ]),
    element('p', { class: 'muted' }, 'This page shows the host by itself, as soon as its agent has connected.'),
  ]);
}
