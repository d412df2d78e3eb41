import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
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

test('the bundled server has its threads, its page with the chart, and the description of its API', async (context) => {
  const http = await freePort();
  const child = spawn(process.execPath, [mainOf('alphaserver')], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      ALPHASERVER_LISTEN: `tcp://127.0.0.1:${await freePort()}`,
      ALPHASERVER_HTTP: `http://127.0.0.1:${http}`,
      ALPHASERVER_DATA: join(folder, 'data'),
      ALPHASERVER_ANONYMOUS: 'true',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  context.after(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  const get = async (path: string): Promise<Response> => fetch(`http://127.0.0.1:${http}${path}`);
  await until(
    async () =>
      child.exitCode !== null ||
      (await get('/readyz').then(
        ({ ok }) => ok,
        () => false,
      )),
    () => said,
  );
  // Answered by the query thread, over what the rollup thread has written.
  assert.equal((await get('/api/top/hosts?since=1h')).status, 200);
  const page = await (await get('/')).text();
  const chart =
    /\/page\/[0-9a-f]+\/chart\.js/.exec(page)?.[0] ?? page.match(/\/page\/[0-9a-f]+/)?.[0]?.concat('/chart.js');
  assert.equal((await get(chart ?? '')).status, 200);
  assert.equal((await get('/api/docs/static/swagger-ui-bundle.js')).status, 200);
  assert.equal(
    ((await (await get('/api/docs/json')).json()) as { info: { version: string } }).info.version,
    manifest.version,
  );
  child.kill('SIGTERM');
  await once(child, 'exit');
  assert.equal(child.exitCode, 0);
  assert.doesNotMatch(said, /stopped, started again|Cannot find/);
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
