/** What the page says to type where no host is watched yet, for each way in which a server is installed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { firstSteps } from '../../../../alphaserver/web/page/first-steps.js';

const README = readFileSync(join(import.meta.dirname, '..', '..', '..', '..', 'README.md'), 'utf8');
const typed = (entry: Partial<Parameters<typeof firstSteps>[0]>, hostname: string): string[] =>
  firstSteps({ installation: 'package', scheme: 'tls', port: '5000', joinNames: [], ...entry }, hostname).flatMap(
    ({ commands }) => commands,
  );

describe('the first steps', () => {
  it('on a server from a package are those of the README: a code, and to join by it', () => {
    const commands = typed({ joinNames: ['asgard.example', 'localhost'] }, 'localhost');
    assert.deepEqual(commands, [
      'alphaserver enroll --count 30 --for 24h',
      'alphaclient join asgard.example:5000 CODE',
    ]);
    for (const command of commands) assert.ok(README.includes(`    ${command} `), command);
  });

  it('name the server as the browser does where its certificate has that name, and never by a loopback address', () => {
    const joining = (joinNames: readonly string[], hostname: string): string | undefined =>
      typed({ joinNames, port: '5443' }, hostname)[1];
    const names = ['localhost', 'mon1', 'asgard.example', '127.0.0.1', '::1', '2001:db8::1'];
    assert.equal(joining(names, 'asgard.example'), 'alphaclient join asgard.example:5443 CODE');
    assert.equal(joining(names, '[2001:db8::1]'), 'alphaclient join [2001:db8::1]:5443 CODE');
    for (const hostname of ['localhost', '127.0.0.1', '[::1]', 'proxy.example'])
      assert.equal(joining(names, hostname), 'alphaclient join mon1:5443 CODE', hostname);
  });

  it('are a token and the settings of the agent’s package where hosts cannot join', () => {
    assert.deepEqual(typed({}, 'asgard.example'), [
      'alphaserver token add NAME',
      'ALPHACLIENT_SERVER=tls://asgard.example:5000',
      'ALPHACLIENT_TOKEN=TOKEN',
      'systemctl enable --now asgard-agent',
    ]);
  });

  it('of an image are typed in its container, which has no npm', () => {
    const joined = typed({ installation: 'image', joinNames: ['asgard.example'] }, 'asgard.example');
    assert.equal(joined[0], 'node alphaserver/main.ts enroll --count 30 --for 24h');
    assert.doesNotMatch(typed({ installation: 'image', scheme: 'tcp' }, 'localhost').join('\n'), /\bnpm\b/);
  });

  it('in a checkout are npm’s scripts, with the port that agents connect to', () => {
    const checkout = { installation: 'checkout', scheme: 'tcp', port: '5001' };
    assert.deepEqual(typed(checkout, '[::1]'), [
      'ALPHACLIENT_SERVER=tcp://[::1]:5001 npm run -s alphaclient',
      'npm run -s alphaserver -- token add NAME',
      'npm run demo',
    ]);
    assert.deepEqual(typed({ ...checkout, scheme: 'tls', joinNames: ['mon1'] }, 'mon1'), [
      'npm run -s alphaserver -- enroll --count 30 --for 24h',
      'npm run -s alphaclient -- join mon1:5001 CODE',
      'npm run -s alphaclient',
      'npm run demo',
    ]);
  });
});
