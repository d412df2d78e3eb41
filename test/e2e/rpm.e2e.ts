/** The RPM packages, installed into a folder of their own and looked at: they were never run on a distribution of theirs. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FORMATS } from '../../packaging/formats.ts';
import { PACKAGES, stage } from '../../packaging/stage.ts';
import { has, lacking } from './machine.ts';

const SECONDS = 1_790_000_000;
const folder = mkdtempSync(join(tmpdir(), 'asgard-rpm-'));
after(() => rmSync(folder, { recursive: true }));

test('the RPM packages install what the Debian ones do, and need what they use', {
  skip: lacking('RPM packages', { rpmbuild: has('rpmbuild') }),
}, async () => {
  const at = (...names: string[]): string => join(folder, ...names);
  for (const name of ['out', 'system']) mkdirSync(at(name));
  writeFileSync(at('runtime'), 'runtime');
  const own = { path: at('runtime'), licence: 'x' };
  const made: string[] = [];
  for (const one of PACKAGES) {
    const [root, scratch] = [at(`${one.name}-root`), at(`${one.name}-scratch`)];
    for (const path of [root, scratch]) mkdirSync(path);
    await stage(one, own, { ...own, path: process.execPath }, root, SECONDS);
    const staged = { one, architecture: 'amd64', root, scratch, out: at('out'), seconds: SECONDS } as const;
    made.push(FORMATS['rpm']?.(staged) ?? '');
  }
  const rpm = (...args: string[]): string =>
    execFileSync('rpm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  rpm('--root', at('system'), '--initdb');
  rpm('--root', at('system'), '--nodeps', '--noscripts', '-i', ...made);
  for (const { name, program } of PACKAGES) {
    const inside = (path: string): string => at('system', path);
    assert.equal(statSync(inside(`usr/bin/${program}`)).mode & 0o777, 0o755);
    for (const path of [
      `usr/lib/${name}/main.js`,
      `usr/lib/systemd/system/${name}.service`,
      `usr/lib/sysusers.d/${name}.conf`,
      `usr/share/bash-completion/completions/${program}`,
      `usr/share/man/man1/${program}.1.gz`,
      `usr/share/doc/${name}/third-party-licences.gz`,
      `usr/share/doc/${name}/sbom.cdx.json`,
    ])
      assert.ok(existsSync(inside(path)), path);
    const words = readFileSync(inside(`usr/share/bash-completion/completions/${program}`), 'utf8');
    assert.match(words, program === 'alphaclient' ? /\bjoin\b/ : /\benroll\b/, 'completion knows the commands');
  }
  const settings = statSync(at('system', 'etc/asgard/server.env'));
  assert.equal(settings.mode & 0o777, 0o640, 'a password may stand there');
  assert.match(rpm('-qp', '--configfiles', ...made), /^\/etc\/asgard\/server\.env\n$/);
  for (const each of made) assert.match(rpm('-qp', '--requires', each), /^systemd$/m);
  assert.match(rpm('-qp', '--scripts', ...made), /systemd-sysusers asgard-agent\.conf/);
});
