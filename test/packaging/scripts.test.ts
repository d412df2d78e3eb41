/** The packages' own scripts, run by themselves. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ROOT } from '../../packaging/checkout.ts';
import { filesOf, PACKAGES } from '../../packaging/stage.ts';

for (const { name } of PACKAGES)
  test(`${name} is not installed over a newer one, whose state it cannot read`, (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'asgard-scripts-'));
    context.after(() => rmSync(folder, { recursive: true }));
    const script = join(folder, 'preinst');
    writeFileSync(script, readFileSync(join(filesOf(name), 'preinst'), 'utf8').replaceAll('@VERSION@', '1.2.0'));
    const run = (...args: string[]) => spawnSync('sh', [script, ...args], { encoding: 'utf8' });
    const older = run('upgrade', '1.10.0');
    assert.equal(older.status, 1);
    assert.match(
      older.stderr,
      /1\.2\.0 is older than 1\.10\.0, whose state it cannot read\. To go back all the same, /,
    );
    for (const args of [['install'], ['upgrade', '1.2.0'], ['upgrade', '1.1.9']])
      assert.equal(run(...args).status, 0, args.join(' '));
  });

for (const { name, configuration } of PACKAGES)
  test(`a purge of ${name} says what it leaves and what is gone`, (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'asgard-scripts-'));
    context.after(() => rmSync(folder, { recursive: true }));
    const there = [
      `/var/lib/asgard/${name.slice('asgard-'.length)}/store`,
      `/etc/asgard/${name.slice('asgard-'.length)}.env`,
      '/etc/asgard/rules.json',
    ];
    for (const path of there) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), '');
    }
    // dpkg removes configuration files before it calls the script: deb-conffiles(5).
    for (const path of configuration) rmSync(join(folder, path));
    const script = readFileSync(join(filesOf(name), 'postrm'), 'utf8').replaceAll(/\/(?=var|etc|run)/g, `${folder}/`);
    const { status, stderr } = spawnSync('sh', ['-c', script, 'postrm', 'purge'], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const [left = '', gone = ''] = stderr.split(' by hand. ');
    const named = (text: string): string[] => text.match(/(?<= )\/[\w./-]+(?= )/g) ?? [];
    assert.deepEqual(named(left).map(existsSync), [true, true], stderr);
    assert.deepEqual(
      named(gone),
      configuration.map((path) => join(folder, path)),
      stderr,
    );
    assert.deepEqual(
      there.filter((path) => !existsSync(join(folder, path))),
      configuration,
    );
  });

/**
 * Makes a package's command that runs the checkout's program, with its folder of state below a folder of the test's own, and as
 * somebody who is not root, whoever runs the test. Returns that folder and what runs it with these settings in the settings file.
 */
function commandOf(context: TestContext, one: (typeof PACKAGES)[number]) {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-scripts-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const script = readFileSync(join(filesOf(one.name), one.program), 'utf8')
    .replace(`/usr/lib/${one.name}/node`, process.execPath)
    .replace(`/usr/lib/${one.name}/main.js`, join(ROOT, one.program, 'main.ts'))
    .replace('/var/lib/asgard', join(folder, 'standard'));
  writeFileSync(join(folder, one.program), script);
  writeFileSync(join(folder, 'id'), '#!/bin/sh\necho 65534\n');
  chmodSync(join(folder, 'id'), 0o755);
  const run = (settings: string, ...args: string[]) => {
    writeFileSync(join(folder, 'settings.env'), settings);
    const env = { PATH: `${folder}:${process.env['PATH']}`, SETTINGS_DEFAULTS: join(folder, 'settings.env') };
    return spawnSync('sh', [join(folder, one.program), ...args], { cwd: folder, env, encoding: 'utf8' });
  };
  return { folder, run };
}

test("the server's commands use the data folder of the settings file, as the service does, and else the standard one", (context) => {
  const [, server = assert.fail()] = PACKAGES;
  const { folder, run } = commandOf(context, server);
  const other = join(folder, 'other');
  for (const [settings, data] of [
    [`ALPHASERVER_DATA=${other}\n`, other],
    ['', join(folder, 'standard', 'server')],
  ] as const) {
    assert.equal(existsSync(join(data, 'tokens.json')), false);
    assert.equal(run(settings, 'token', 'add', 'web-1').status, 0);
    assert.ok(existsSync(join(data, 'tokens.json')), data);
  }
});

test("the agent's commands use the state folder of the settings file, as the service does, and else the standard one", (context) => {
  const [agent = assert.fail()] = PACKAGES;
  const { folder, run } = commandOf(context, agent);
  for (const [settings, state] of [
    ['ALPHACLIENT_STATE=/nowhere/other\n', '/nowhere/other'],
    ['', join(folder, 'standard', 'agent')],
  ] as const)
    assert.match(run(settings, 'status').stderr, new RegExp(`No agent has run with the folder ${state} yet:`));
});

for (const { name, program } of PACKAGES)
  test(`root's ${program} hands over to ${name}, and says what makes that user where it is missing`, (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'asgard-scripts-'));
    context.after(() => rmSync(folder, { recursive: true }));
    const put = (file: string, script: string): void => {
      writeFileSync(join(folder, file), `#!/bin/sh\n${script}\n`);
      chmodSync(join(folder, file), 0o755);
    };
    const run = (command: string) => {
      const env = { PATH: `${folder}:${process.env['PATH']}` };
      return spawnSync('sh', [join(filesOf(name), program), command], { env, encoding: 'utf8' });
    };
    put('setpriv', 'echo "$@"');
    put('id', 'echo 0');
    assert.match(run('status').stdout, new RegExp(`^--reuid ${name} .*/main\\.js status\n$`));
    put('id', 'test $# = 1 && echo 0');
    // Without that user a host that has joined would not start its agent, and its code would be used up.
    for (const command of name === 'asgard-agent' ? ['run', 'status', 'join'] : ['run', 'status']) {
      const { status, stdout, stderr } = run(command);
      assert.deepEqual([status, stdout], [1, '']);
      assert.equal(stderr, `${program}: there is no user ${name}; this makes it: systemd-sysusers ${name}.conf\n`);
    }
  });
