import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import manifest from '../../package.json' with { type: 'json' };
import { bundle } from '../../packaging/bundle.ts';
import { ROOT } from '../../packaging/checkout.ts';
import { billOfMaterials, licenceTexts } from '../../packaging/licences.ts';
import { bashCompletion, manualPage } from '../../packaging/manual.ts';
import { freePort } from '../free-port.ts';
import { until } from '../until.ts';

const folder = mkdtempSync(join(tmpdir(), 'bundle-'));
const mainOf = (program: string): string => join(folder, program, 'main.js');
let packages: readonly string[] = [];

before(async () => {
  const [, server] = await Promise.all([
    bundle('alphaclient', join(folder, 'alphaclient')),
    bundle('alphaserver', join(folder, 'alphaserver')),
  ]);
  packages = server.packages;
});
after(() => rmSync(folder, { recursive: true }));

test('the bundled agent reads a log without the checkout', () => {
  const log = readdirSync(join(ROOT, 'test/fixtures/recorded')).find((name) => name.endsWith('.log'));
  const args = ['scan', join(ROOT, 'test/fixtures/recorded', log ?? '')];
  const run = (main: string): string =>
    execFileSync(process.execPath, [main, ...args], { cwd: folder, encoding: 'utf8' });
  assert.equal(run(mainOf('alphaclient')), run(join(ROOT, 'alphaclient/main.ts')));
  assert.equal(
    execFileSync(process.execPath, [mainOf('alphaclient'), '--version'], { encoding: 'utf8' }),
    `${manifest.version}\n`,
  );
});

/** Starts a bundled program with these settings; it is killed when the test ends. */
function started(context: TestContext, program: string, settings: Readonly<Record<string, string>>) {
  const env = { PATH: process.env['PATH'] ?? '', ...settings };
  const child = spawn(process.execPath, [mainOf(program)], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString();
  });
  context.after(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  return { child, output: () => output };
}

test('the bundled programs work together, with threads, page, chart and the description of the API', async (context) => {
  const [listen, http] = [await freePort(), await freePort()];
  const log = join(folder, 'auth.log');
  const addresses = ['192.0.2.1', '8.8.8.8', '2001:4860:4860::8888'];
  // The report is of a day: lines of a fixed date would leave it.
  const at = new Date().toISOString();
  const lines = addresses.map(
    (ip, i) => `${at} web-1 sshd[${7 + i}]: Failed password for root from ${ip} port 50022 ssh2\n`,
  );
  writeFileSync(log, lines.join(''));
  const server = started(context, 'alphaserver', {
    ALPHASERVER_LISTEN: `tcp://127.0.0.1:${listen}`,
    ALPHASERVER_HTTP: `http://127.0.0.1:${http}`,
    ALPHASERVER_DATA: join(folder, 'data'),
    ALPHASERVER_ANONYMOUS: 'true',
  });
  // An agent that comes before it would wait longer each time.
  await until(() => server.output().includes('Socket now listening'), server.output, 120_000);
  started(context, 'alphaclient', {
    ALPHACLIENT_SERVER: `tcp://127.0.0.1:${listen}`,
    ALPHACLIENT_LOG: log,
    ALPHACLIENT_NAME: 'web-1',
    ALPHACLIENT_STATE: join(folder, 'state'),
  });
  await until(() => server.output().includes('Processed result: web-1 had 3 attempt of ssh session'), server.output);
  const get = async (path: string): Promise<Response> => fetch(`http://127.0.0.1:${http}${path}`);
  // Agents are taken before the page is there.
  await until(async () => (await get('/readyz').catch(() => null))?.status === 200, server.output);
  // The query thread answers, over what the rollup thread has written.
  assert.equal((await get('/api/top/hosts?since=1h')).status, 200);
  const page = await (await get('/')).text();
  assert.match(page, new RegExp(`data-installation="package" data-scheme="tcp" data-port="${listen}"`));
  const pageFolder = /\/page\/[0-9a-f]+/.exec(page)?.[0];
  for (const name of ['main.js', 'chart.js', 'pulse-worker.js', 'icon.svg'])
    assert.equal((await get(`${pageFolder}/${name}`)).status, 200, name);
  assert.equal((await get('/api/docs/static/swagger-ui-bundle.js')).status, 200);
  assert.equal(
    ((await (await get('/api/docs/json')).json()) as { info: { version: string } }).info.version,
    manifest.version,
  );
  // The lists of countries, by the query thread and by a command.
  for (const address of addresses.slice(1))
    assert.match(await (await get(`/api/sources/${address}`)).text(), /"country":"US"/);
  const report = ['report', '--since', '24h', '--json'];
  const env = { PATH: process.env['PATH'] ?? '', ALPHASERVER_DATA: join(folder, 'data') };
  assert.match(
    execFileSync(process.execPath, [mainOf('alphaserver'), ...report], { cwd: folder, env, encoding: 'utf8' }),
    /192\.0\.2\.1/,
  );
  server.child.kill('SIGTERM');
  await once(server.child, 'exit');
  assert.equal(server.child.exitCode, 0);
  assert.doesNotMatch(server.output(), /started again|Cannot find/);
});

test('each bundled package is in the licence list and in the bill of materials', () => {
  assert.ok(packages.includes('fastify') && packages.includes('uplot'));
  const texts = licenceTexts(packages, 'the licence of Node');
  const bill = JSON.parse(billOfMaterials('asgard-server', packages, '24.0.0')) as {
    components: { name: string; licenses: unknown[] }[];
  };
  for (const name of packages.map((path) => path.replace(/.*node_modules\//, ''))) {
    assert.ok(texts.includes(`${name} `), name);
    assert.ok(
      bill.components.some((component) => component.name === name),
      name,
    );
  }
  assert.doesNotMatch(JSON.stringify(bill), /NOASSERTION/);
});

test('manual page and completion name every command of the help text', () => {
  const help = execFileSync(process.execPath, [mainOf('alphaserver'), '--help'], { encoding: 'utf8' });
  const page = manualPage('alphaserver', 'stores and shows', help, 0);
  const completion = bashCompletion('alphaserver', help);
  for (const word of ['token', 'report', 'tail', 'alert']) {
    assert.match(page, new RegExp(`alphaserver ${word}`));
    assert.match(completion, new RegExp(`words='.*\\b${word}\\b`));
  }
  const complete = (line: string): string[] =>
    execFileSync(
      'bash',
      [
        '-c',
        `${completion}\nCOMP_WORDS=(${line} ''); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _alphaserver; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ],
      { encoding: 'utf8' },
    )
      .trim()
      .split('\n');
  assert.ok(complete('alphaserver token').includes('revoke'));
  assert.ok(complete('alphaserver report').includes('--json'));
});
