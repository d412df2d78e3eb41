/** ALPHACLIENT_HEADER: what a format takes of a line, what is no format, and how programs use it. */
import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FORMAT_LIMIT_CHARS, HeaderFormat } from '../../../alphaclient/sshd/header-format.ts';
import { Reader } from '../../../alphaclient/sshd/reader.ts';

const NOW = Date.UTC(2026, 10, 30);
const CONTEXT = { writtenMs: NOW, nowMs: NOW, timeZone: 'UTC' };
const FAILED = 'Failed password for root from 192.0.2.10 port 50022 ssh2';
const AT = '2026-11-20T10:00:07.000Z';
const MAIN = join(import.meta.dirname, '..', '..', '..', 'alphaclient', 'main.ts');

type Found = readonly [at: string | null, host: string | null, pid: number | null, trust: string];

function read(format: string, lines: readonly string[]): { found: Found[]; unknown: number } {
  const reader = new Reader(null, null, new HeaderFormat(format));
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  const events = [...reader.read(bytes, CONTEXT), ...reader.end()];
  return {
    found: events.map(({ event: { at, host }, pid, trust }) => [at, host ?? null, pid, trust]),
    unknown: reader.counts().unknown,
  };
}

describe('a header format', () => {
  const all: Found = [AT, 'web', 12, 'syslog'];
  const fits: Readonly<Record<string, readonly [line: string, Found]>> = {
    '{time} {host} {tag}[{pid}]: ': [`Nov 20 10:00:07  web  sshd[12]:   ${FAILED}`, all],
    '{time} {host} {tag}[{pid}]:': [`2026-11-20T10:00:07Z web sshd-session[12]: ${FAILED}`, all],
    '{time} {host} {tag}: ': [`Nov 20 10:00:07 web /usr/sbin/sshd[12]: ${FAILED}`, all],
    '{pid}|{tag}|{host}|{time}|': [`12|sshd|web|20/Nov/2026:10:00:07 +0000|${FAILED}`, all],
    '<{skip}> {skip} [{time}] ({host}) {tag}({pid}) - ': [`<auth> a/b:c [1795168807] (web) sshd(12) - ${FAILED}`, all],
    'time={time} host="{host}" {skip} app={tag},{pid} msg=': [
      `time=2026-11-20T11:00:07+01:00 host="web" level=info app=sshd,12 msg=${FAILED}`,
      all,
    ],
    '{{{time}}} {host} {tag} {pid} ': [`{Nov 20 10:00:07}} web sshd 12 ${FAILED}`, all],
    '{time}{host} {tag}[{pid}] ': [`2026-11-20T10:00:07+00:00web sshd[12] ${FAILED}`, all],
    '{host}.example.com {time} {tag}[{pid}]: ': [`web.example.com Nov 20 10:00:07 sshd[12]: ${FAILED}`, all],
    '{host} says: ': [`web says: ${FAILED}`, [null, 'web', null, 'forgeable']],
    '{time} #{pid} ': [`Nov 20 10:00:07 #12 ${FAILED}`, [AT, null, 12, 'forgeable']],
    '~~ {tag}: ': [`~~ sshd: [ID 800047 auth.info] ${FAILED}`, [null, null, null, 'syslog']],
  };
  for (const [format, [line, expected]] of Object.entries(fits))
    it(JSON.stringify(format), () => {
      // Every line again, so that the header cache would show.
      deepEqual(read(format, [line, line]), { found: [expected, expected], unknown: 0 });
      deepEqual(read(format, [`${line}\r`]).found, [expected]);
    });

  it('is tried before the built-in forms, which read what it does not fit', () => {
    const { found } = read('{time} {skip} {host} {tag}[{pid}]: ', [
      `Nov 20 10:00:07 relay web sshd[12]: ${FAILED}`,
      `Nov 20 10:00:07 web sshd[12]: ${FAILED}`,
      `<38>1 2026-11-20T10:00:07Z web sshd 12 - - ${FAILED}`,
    ]);
    deepEqual(found, Array(3).fill(all));
    // `{skip}` would be the time's, did the built-in form come first.
    deepEqual(
      read('{time} {host} {skip} {tag}[{pid}]: ', [`Nov 20 10:00:07 web auth.info sshd[12]: ${FAILED}`]).found,
      [all],
    );
  });

  it('with a tag leaves other programs alone; without one, what sshd does not say', () => {
    deepEqual(read('{time}|{tag}|', [`Nov 20 10:00:07|cron|${FAILED}`]), { found: [], unknown: 0 });
    deepEqual(read('{time}|', ['Nov 20 10:00:07|GET / HTTP/1.1']), { found: [], unknown: 0 });
    deepEqual(read('{time}|{tag}|', ['Nov 20 10:00:07|sshd|what no sshd says']), { found: [], unknown: 1 });
  });

  it('costs time that grows no faster than a line', () => {
    const format = '{skip}a{skip}ab{skip}abc {host} {tag}[{pid}]: ';
    const nsPerByte = (bytes: number): number => {
      const line = Buffer.from(`${'a'.repeat(bytes)}\n`);
      let least = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 20; i++) {
        const reader = new Reader(null, null, new HeaderFormat(format));
        const start = performance.now();
        reader.read(line, CONTEXT);
        least = Math.min(least, performance.now() - start);
      }
      return (least * 1e6) / bytes;
    };
    nsPerByte(65_000);
    const [short, long] = [nsPerByte(4_000), nsPerByte(64_000)];
    ok(long < short * 4 + 20, `${short} and ${long} ns/byte`);
  });

  const wrong: Readonly<Record<string, RegExp>> = {
    '{time} {hots} ': /^\{hots\} at character 8 is none of \{time\}, \{host\}, /,
    '{time} {host ': /^\{ at character 8 is not closed/,
    '{time} {time} ': /^\{time\} at character 8 is there already$/,
    '{host}{tag}: ': /^\{tag\} at character 7 needs text between it and \{host\}$/,
    '{skip}{skip}': /^\{skip\} at character 7 needs text between/,
    'no hole': /^it has none of \{time\}/,
    [`{time}${'x'.repeat(FORMAT_LIMIT_CHARS)}`]: /^it has more than 256 characters$/,
  };
  for (const [format, message] of Object.entries(wrong))
    it(`${JSON.stringify(format.slice(0, 20))} is none`, () => {
      throws(() => new HeaderFormat(format), { name: 'RangeError', message });
    });
  it('of the longest length is one', () => {
    ok(new HeaderFormat(`{time}${'x'.repeat(FORMAT_LIMIT_CHARS - 6)}`));
  });
});

describe('ALPHACLIENT_HEADER', () => {
  const run = (format: string, args: readonly string[], input = '') => {
    const env = { PATH: process.env['PATH'], ALPHACLIENT_HEADER: format };
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { env, input, encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  const line = `2026-11-20T10:00:07Z#web#sshd#12#${FAILED}`;
  const format = '{time}#{host}#{tag}#{pid}#';

  it('is used by scan', () => {
    const { status, stdout } = run(format, ['scan', '-'], `${line}\n`);
    equal(status, 0);
    match(stdout, /"at":"2026-11-20T10:00:07.000Z","outcome":"failed".*"host":"web"/);
  });

  it('is shown by explain, with what a line does not fit', () => {
    match(
      run(format, ['explain', line]).stdout,
      /^header format +time "2026-11-20T10:00:07Z", host "web", tag "sshd", pid "12"$/m,
    );
    match(
      run(format, ['explain', line.replace('#12', '#x')]).stdout,
      /^header format +time "2026-11-20T10:00:07Z", host "web", tag "sshd", but no \{pid\} at character 31; built-in forms are tried$/m,
    );
  });

  it('that is wrong ends any command with exit code 2 and its place', () => {
    const folder = mkdtempSync(join(tmpdir(), 'header-'));
    try {
      const log = join(folder, 'x.log');
      writeFileSync(log, `${line}\n`);
      for (const args of [['scan', log], ['explain', line], ['run']])
        deepEqual(run('{time} {hsot} ', args), {
          status: 2,
          stdout: '',
          stderr: `alphaclient ${args[0]}: ALPHACLIENT_HEADER={time} {hsot}  cannot be used: {hsot} at character 8 is none of {time}, {host}, {tag}, {pid}, {skip}\n`,
        });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
