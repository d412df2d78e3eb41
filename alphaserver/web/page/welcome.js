/** The first steps of somebody who has no host yet. */
import { byId, element, fill } from './element.js';

/** The port that agents connect to unless ALPHASERVER_LISTEN says otherwise. */
const AGENT_PORT = 5_000;

/** Says how the first agent is started. */
export function showWelcome() {
  const { hostname } = location;
  const command = `ALPHACLIENT_SERVER=tcp://${hostname.includes(':') && !hostname.startsWith('[') ? `[${hostname}]` : hostname}:${AGENT_PORT} npm run -s alphaclient`;
  fill(byId('welcome'), [
    element('h1', { id: 'welcome-title' }, 'No host is watched yet'),
    element(
      'p',
      {},
      'Start an agent on a machine whose logins you want to see. It finds sshd’s log by itself, reads what is there, and follows it.',
    ),
    element('pre', { tabindex: '0' }, element('code', {}, command)),
    element(
      'p',
      {},
      'A server that asks for tokens wants one made for the agent first; it goes into ',
      element('code', {}, 'ALPHACLIENT_TOKEN'),
      ':',
    ),
    element('pre', { tabindex: '0' }, element('code', {}, 'npm run -s alphaserver -- token add NAME')),
    element('p', {}, 'Or see a simulated fleet under attack first:'),
    element('pre', { tabindex: '0' }, element('code', {}, 'npm run demo')),
    element('p', { class: 'muted' }, 'This page shows the host by itself, as soon as its agent has connected.'),
  ]);
}
