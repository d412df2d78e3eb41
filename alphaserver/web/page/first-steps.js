/** What is to be typed until a first host is watched. Pure. */

/**
 * Where agents connect, and how this server was installed. `joinNames`: the names of the server that hosts which join can check;
 * none where hosts cannot join it by a code.
 * @typedef {{ installation: string, scheme: string, port: string, joinNames: readonly string[] }} Entry
 *
 * @typedef {{ words: string, commands: readonly string[] }} Step
 */

/** How commands are typed, and where, by the installation. Who has the image watches hosts by the agent's package. */
const TYPED = /** @type {const} */ ({
  package: { where: 'On the server', server: 'alphaserver', agent: 'alphaclient' },
  image: { where: 'In the server’s container', server: 'node alphaserver/main.ts', agent: 'alphaclient' },
  checkout: { where: 'On the server', server: 'npm run -s alphaserver --', agent: 'npm run -s alphaclient --' },
});
/** Names of this machine for itself: no other host reaches it by them. */
const LOOPBACK = /^(?:localhost|127\..*|::1)$/;

/** @typedef {keyof typeof TYPED} Installation */

/**
 * Returns the steps.
 * @param {Entry} entry
 * @param {string} hostname the page's, as in its address
 * @returns {Step[]}
 */
export function firstSteps({ installation, scheme, port, joinNames }, hostname) {
  const installed = Object.hasOwn(TYPED, installation) ? /** @type {Installation} */ (installation) : 'checkout';
  const here = hostname.replace(/^\[|\]$/g, '');
  const joining = joinNames.length > 0;
  const steps = joining
    ? joinSteps(installed, `${bracketed(joinName(joinNames, here))}:${port}`)
    : tokenSteps(installed, `${scheme}://${bracketed(here)}:${port}`);
  if (installed === 'checkout')
    steps.push({ words: 'Or see a simulated fleet under attack first:', commands: ['npm run demo'] });
  return steps;
}

/**
 * @param {Installation} installed
 * @param {string} address
 * @returns {Step[]}
 */
function joinSteps(installed, address) {
  const { where, server, agent } = TYPED[installed];
  const join = `${agent} join ${address} CODE`;
  return [
    {
      words: `${where}, make a code with which thirty hosts may join, good for a day:`,
      commands: [`${server} enroll --count 30 --for 24h`],
    },
    installed === 'checkout'
      ? {
          words: `Then, on a machine whose logins you want to see, with that code in place of CODE. ${FINDS}`,
          commands: [join, 'npm run -s alphaclient'],
        }
      : {
          words: `Then, as root on each machine whose logins you want to see, where the package asgard-agent is installed, with that code in place of CODE. ${FINDS}`,
          commands: [join],
        },
  ];
}

/**
 * @param {Installation} installed
 * @param {string} address
 * @returns {Step[]}
 */
function tokenSteps(installed, address) {
  const { where, server } = TYPED[installed];
  const token = `${server} token add NAME`;
  if (installed === 'checkout')
    return [
      {
        words: `Start an agent on a machine whose logins you want to see. ${FINDS}`,
        commands: [`ALPHACLIENT_SERVER=${address} npm run -s alphaclient`],
      },
      {
        words: 'A server that asks for tokens wants one made for the agent first; it goes into ALPHACLIENT_TOKEN:',
        commands: [token],
      },
    ];
  return [
    {
      words: `${where}, make a token for the agent, unless ALPHASERVER_ANONYMOUS lets agents in without one:`,
      commands: [token],
    },
    {
      words:
        'On a machine whose logins you want to see, where the package asgard-agent is installed, write into /etc/asgard/agent.env:',
      commands: [`ALPHACLIENT_SERVER=${address}`, 'ALPHACLIENT_TOKEN=TOKEN'],
    },
    { words: `Then start it there. ${FINDS}`, commands: ['systemctl enable --now asgard-agent'] },
  ];
}

const FINDS = 'The agent finds sshd’s log by itself, reads what is there, and follows it.';

/**
 * The name that hosts are to check: the one that led here, where it is one of them and leads here from elsewhere too.
 * @param {readonly string[]} names
 * @param {string} here
 */
function joinName(names, here) {
  const reached = names.filter((name) => !LOOPBACK.test(name));
  return reached.includes(here) ? here : (reached[0] ?? names[0] ?? here);
}

/** @param {string} host an IPv6 address goes into brackets before a port */
const bracketed = (host) => (host.includes(':') ? `[${host}]` : host);
