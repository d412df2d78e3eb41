import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, promises, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { after, describe, it } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { alphaclient } from '../../../alphaclient/commands/commands.ts';
import { scan } from '../../../alphaclient/commands/scan.ts';
import { Reader } from '../../../alphaclient/sshd/reader.ts';
import { runProgram } from '../../../service/command-line.ts';
import { has, lacking } from '../../e2e/machine.ts';
import { Chance } from '../../sshd/chance.ts';

const folder = mkdtempSync(join(tmpdir(), 'scan-'));
after(() => rmSync(folder, { recursive: true }));

async function run(
  args: readonly string[],
  input: string | Buffer = '',
): Promise<{ code: number; out: string; err: string }> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const texts = { out: '', err: '' };
  stdout.on('data', (chunk) => {
    texts.out += chunk;
  });
  stderr.on('data', (chunk) => {
    texts.err += chunk;
  });
  const stdin = Readable.from([Buffer.from(input)]);
  const io = { stdout, stderr, stdin, env: {}, nowMs: Date.now() };
  const code = await runProgram(alphaclient(io), ['scan', ...args], io);
  return { code, ...texts };
}

function file(name: string, text: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);
const COMPRESS: Readonly<Record<string, (text: string) => Buffer>> = {
  gz: gzipSync,
  zst: zstdCompressSync,
  xz: (text) => execFileSync('xz', ['-c'], { input: text }),
  bz2: (text) => execFileSync('bzip2', ['-c'], { input: text }),
};
/** The programs of the formats that Node does not know. */
const PROGRAMS: Readonly<Record<string, string>> = { xz: 'xz', bz2: 'bzip2' };
const FAILED = 'Failed password for root from 192.0.2.10 port 50022 ssh2';
const iso = (time: string, message: string, pid = 1): string =>
  `2026-11-20T${time}+00:00 web sshd[${pid}]: ${message}\n`;

describe('scan', () => {
  it('prints one object an event, with exactly these fields in this order', async () => {
    const { code, out } = await run([file('one.log', iso('10:00:00.123456', FAILED))]);
    equal(code, 0);
    equal(
      out,
      '{"line":1,"at":"2026-11-20T10:00:00.123Z","outcome":"failed","method":"password","user":"root","invalidUser":false,"ip":"192.0.2.10","port":50022,"host":"web","reason":null,"key":null,"trust":"syslog"}\n',
    );
  });

  it('says where to look when a log has nothing of sshd', async () => {
    const { code, out } = await run(['--summary', file('other.log', 'Nov 20 10:00:00 web CRON[1]: x\n')]);
    equal(code, 0);
    match(out, /^0 attempts, 0 probes in 1 lines/);
    match(out, /auth\.log or secure/);
  });

  it('says that nobody tries to log in only where lines of sshd were read and understood', async () => {
    const quiet = file('quiet.log', iso('10:00:00', 'Server listening on 0.0.0.0 port 22.'));
    const strange = file('strange.log', `20261120100000#web#sshd#${FAILED}\n`);
    const summaries: [string[], RegExp, number][] = [
      [[quiet], /Nobody tries to log in here: 1 lines of sshd were read/, 0],
      [[quiet, strange], /1 lines of sshd that are not understood/, 0],
      [[strange], /1 lines of sshd that are not understood/, 0],
      [
        [file('utf16.log', Buffer.from(`\ufeff#web#sshd#${FAILED}\n`, 'utf16le'))],
        /1 lines of sshd that are not understood/,
        0,
      ],
      [[file('empty.log', '')], /Nothing was read/, 0],
      [[file('missing.log', '').replace('missing', 'gone')], /Nothing was read/, 1],
      [[quiet, 'gone.log'], /1 lines of sshd were read, but not all that there is/, 1],
      [[file('others.log', 'Nov 20 10:00:00 web CRON[1]: x\n')], /None of these lines is of sshd/, 0],
    ];
    for (const [files, expected, exitCode] of summaries) {
      const { code, out } = await run(['--summary', ...files]);
      equal(code, exitCode, files.join());
      match(out, expected);
      equal(out.includes('Nobody'), files.length === 1 && files[0] === quiet, out);
    }
  });

  it('warns of a log that is written twice, and counts its logins once', async () => {
    const line = (second: number, message: string) => `Nov 20 10:00:0${second} web sshd[7]: ${message}\n`.repeat(2);
    const accepted = FAILED.replace('Failed', 'Accepted');
    const log = file(
      'twice.log',
      line(1, FAILED) + line(3, accepted) + line(4, 'session opened for user root by (uid=0)'),
    );
    const { code, out, err } = await run([log]);
    equal(code, 0);
    deepEqual(
      out.match(/"outcome":"\w+"/g),
      ['failed', 'failed', 'accepted'].map((outcome) => `"outcome":"${outcome}"`),
    );
    equal(
      err,
      `alphaclient scan: ${log}: nearly all lines of sshd are there twice: syslog seems to write each one twice, so failed attempts may count twice\n`,
    );
    equal((await run([file('once.log', iso('10:00:00', FAILED))])).err, '');
  });

  it('reads standard input, and a partial line at its end', async () => {
    const { out } = await run(['-'], iso('10:00:00', FAILED).trimEnd());
    equal(out.trim().split('\n').length, 1);
  });

  it('puts rotated files in order, carries connections over, and names the file', async () => {
    const log = file(
      'auth.log',
      iso('12:00:00', 'Connection closed by invalid user bob 192.0.2.10 port 7 [preauth]', 9),
    );
    const one = file(
      'auth.log.1',
      iso('11:00:00', FAILED) + iso('11:59:59', 'Invalid user bob from 192.0.2.10 port 7', 9),
    );
    const two = file('auth.log.2.gz', gzipSync(iso('10:00:00', FAILED.replace('Failed', 'Accepted'))));
    const { out } = await run([log, two, one]);
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    deepEqual(
      events.map(({ file: name, line, outcome, user }) => [name, line, outcome, user]),
      [
        [two, 1, 'accepted', 'root'],
        [one, 1, 'failed', 'root'],
        [log, 1, 'probe', 'bob'],
      ],
    );
  });

  for (const [compression, compress] of Object.entries(COMPRESS))
    it(`reads rotated files compressed as .${compression}, whatever their names are`, {
      skip:
        compression in PROGRAMS &&
        lacking(`logs compressed as .${compression}`, {
          [PROGRAMS[compression] as string]: has(PROGRAMS[compression] as string),
        }),
    }, async () => {
      const text = Array.from({ length: 5_000 }, (_, i) =>
        iso('10:00:00', FAILED.replace('50022', String(i + 1)), i),
      ).join('');
      const newer = file(`packed-${compression}.log-20261121`, iso('11:00:00', FAILED));
      const older = file(`packed-${compression}.log-20261120.${compression}`, compress(text));
      const unnamed = file(`unnamed-${compression}`, compress(text));
      const { code, out, err } = await run([newer, older]);
      deepEqual([code, err], [0, '']);
      const events = out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      deepEqual([events.length, events[0].file, events.at(-1).file], [5_001, older, newer]);
      equal((await run([unnamed])).out.trim().split('\n').length, 5_000);
    });

  for (const [compression, compress] of Object.entries(COMPRESS))
    it(`reads standard input and pipes compressed as .${compression}`, {
      skip:
        compression in PROGRAMS &&
        lacking(`logs compressed as .${compression}`, {
          [PROGRAMS[compression] as string]: has(PROGRAMS[compression] as string),
        }),
    }, async () => {
      const packed = compress(iso('10:00:00', FAILED).repeat(3_000));
      const { code, out, err } = await run(['-'], packed);
      deepEqual([code, err, out.trim().split('\n').length], [0, '', 3_000]);
      const pipe = join(folder, `pipe-${compression}`);
      execFileSync('mkfifo', [pipe]);
      const written = promises.writeFile(pipe, packed);
      equal((await run([pipe])).out.trim().split('\n').length, 3_000);
      await written;
    });

  it('says that standard input is damaged, and exits with 1', async () => {
    const whole = gzipSync(iso('10:00:00', FAILED).repeat(2_000), { level: 0 });
    const { code, out, err } = await run(['-'], whole.subarray(0, whole.length / 2));
    equal(code, 1);
    match(err, /cannot read standard input: it is compressed by gzip and ends too early.*\n.*not read: 1 file\n$/);
    ok(out.split('\n').length > 500);
  });

  it('names the format of a file that it does not read', async () => {
    for (const [magic, words] of [
      ['LPKSHHRH', /file of the journal; read it with `journalctl/],
      ['PK\x03\x04', /zip archive/],
      ['\x04\x22\x4d\x18', /lz4/],
      ['\x1f\x9d', /compressed by compress/],
      ['7z\xbc\xaf\x27\x1c', /7z archive/],
      ['\x5d\x00\x00', /lzma/],
    ] as const) {
      const content = Buffer.from(`${magic}${'\0'.repeat(100)}`, 'latin1');
      for (const { code, out, err } of [await run(['-'], content), await run([file('other-format', content)])]) {
        deepEqual([code, out], [1, '']);
        match(err, words);
      }
    }
  });

  it('says at its end which lines were too long, and exits with 1', async () => {
    const long = iso('10:00:00', `Failed password for ${'x'.repeat(50_000_000)} from 192.0.2.10 port 50022 ssh2`);
    const text = iso('10:00:00', FAILED) + long + iso('10:00:01', FAILED.replace('50022', '50023'));
    for (const args of [['-'], ['--summary', '-'], ['--summary', '--json', '-']]) {
      const { code, err } = await run(args, text);
      equal(code, 1);
      match(err, /^alphaclient scan: not read: the rest of 1 line longer than 65,536 bytes; not understood: 1 line of/);
      equal(err.trim().split('\n').length, 1);
    }
    const { code, out } = await run([file('too-long.log', text)]);
    deepEqual([code, out.trim().split('\n').length], [1, 2]);
  });

  it('mentions the lines that are not understood once at its end, with the most frequent, escaped', async () => {
    const strange = iso('10:00:01', 'Frobnicated \u001b[2J 7') + iso('10:00:02', 'Frobnicated \u001b[2J 8', 2);
    const { code, out, err } = await run(['-'], iso('10:00:00', FAILED) + strange + iso('10:00:03', 'Twiddled', 3));
    deepEqual([code, out.trim().split('\n').length], [0, 1]);
    equal(
      err,
      'alphaclient scan: not understood: 3 lines of sshd, such as "Frobnicated \\u001b[2J 7"; alphaclient explain shows why\n',
    );
  });

  it('says at its end that no line is of sshd, as in a wrong log', async () => {
    for (const args of [['-'], ['--summary', '-']]) {
      const { code, err } = await run(args, 'Nov 20 10:00:00 web CRON[1]: x\nhello\n');
      deepEqual([code, err], [0, 'alphaclient scan: none of 2 lines is of sshd\n']);
    }
    const { err } = await run(['-'], '');
    equal(err, '');
  });

  it('sums up as one JSON object for programs', async () => {
    const text = iso('10:00:00', FAILED) + iso('10:00:01', FAILED, 2) + iso('10:00:02', 'Frobnicated', 3);
    const { code, out } = await run(['--summary', '--json', '-', 'none.log'], text);
    equal(code, 1);
    const counts = { attempts: 2, accepted: 0, failed: 2, probes: 0 };
    deepEqual(JSON.parse(out), {
      ...counts,
      firstAt: '2026-11-20T10:00:00.000Z',
      lastAt: '2026-11-20T10:00:01.000Z',
      lines: 3,
      linesUnknown: 1,
      linesForged: 0,
      linesCut: 0,
      filesUnread: 1,
      methods: [{ method: 'password', ...counts }],
      sources: [{ ip: '192.0.2.10', ...counts }],
      users: [{ user: 'root', ...counts }],
      hosts: [{ host: 'web', ...counts }],
      unknown: [{ count: 1, sample: 'Frobnicated' }],
    });
  });

  it('says which program is missing to read a compressed log', async (t) => {
    const { PATH } = process.env;
    t.after(() => {
      process.env['PATH'] = PATH;
    });
    process.env['PATH'] = folder;
    const { code, err } = await run([file('no-program.log.xz', Buffer.from('fd377a585a000004', 'hex'))]);
    equal(code, 1);
    match(err, /cannot read .*no-program\.log\.xz: cannot run xz, which decompresses it: install xz\n/);
  });

  it('reads the lines before the damage in a compressed log', async () => {
    const whole = gzipSync(iso('10:00:00', FAILED).repeat(2_000), { level: 0 });
    const { code, out, err } = await run([file('damaged.log.gz', whole.subarray(0, whole.length / 2))]);
    equal(code, 1);
    match(err, /it is compressed by gzip and ends too early; what there was of it is counted/);
    ok(out.split('\n').length > 500);
  });

  it('says which file cannot be read, reads the others, and exits with 1', async () => {
    const { code, out, err } = await run([join(folder, 'none.log'), file('some.log', iso('10:00:00', FAILED))]);
    equal(code, 1);
    match(err, /^alphaclient scan: cannot read .*none\.log: no such file\nalphaclient scan: not read: 1 file\n$/);
    equal(out.trim().split('\n').length, 1);
  });

  it('without a file, or with an unknown option, says what is wrong and exits with 2', async () => {
    const none = await run([]);
    deepEqual([none.code, none.err], [2, 'alphaclient scan: FILE is missing: a log file, or - for standard input\n']);
    const { code, err } = await run(['--colour', 'x']);
    equal(code, 2);
    match(err, /--colour is no option/);
  });

  it('prints in log order though a probe is known only later', async () => {
    const lines =
      iso('10:00:00', 'Connection from 192.0.2.77 port 5 on 192.0.2.1 port 22', 7) +
      iso('10:00:01', FAILED, 8) +
      iso('10:30:00', FAILED.replace('50022', '50023'), 9);
    const { out } = await run([file('order.log', lines)]);
    deepEqual(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).line),
      [1, 2, 3],
    );
  });

  it('prints the ends of sessions where they are asked for, each at the line that says so, in the order of the log', async () => {
    const lines = [
      iso('10:00:00', 'Accepted publickey for alice from 192.0.2.10 port 50022 ssh2: ED25519 SHA256:abc', 7),
      iso('10:00:01', 'Accepted password for bob from 192.0.2.11 port 50023 ssh2', 17),
      // PAM's line ends it, since no last line follows within 30 s.
      iso('10:00:09', 'pam_unix(sshd:session): session closed for user alice', 7),
      iso('10:00:20', FAILED, 30),
      iso('10:01:00', 'Disconnected from user bob 192.0.2.11 port 50023', 18),
      iso('10:01:01', 'Accepted password for carol from 192.0.2.12 port 50024 ssh2', 27),
    ].join('');
    const path = file('sessions.log', lines);
    const { out } = await run(['--sessions', path]);
    const printed = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    deepEqual(
      printed.map(({ line, outcome, user, reason }) => [line, outcome, user, reason]),
      [
        [1, 'accepted', 'alice', null],
        [2, 'accepted', 'bob', null],
        [3, 'ended', 'alice', 'closed'],
        [4, 'failed', 'root', null],
        [5, 'ended', 'bob', 'disconnected'],
        [6, 'accepted', 'carol', null],
      ],
    );
    deepEqual(Object.keys(printed[2] ?? {}), Object.keys(printed[0] ?? {}));
    const without = await run([path]);
    ok(!without.out.includes('ended'));
    equal(without.out.trimEnd().split('\n').length, 4);
  });

  it('ends silently when its output is closed', async () => {
    const stdout = new PassThrough();
    stdout.destroy();
    const path = file('long.log', iso('10:00:00', FAILED).repeat(5_000));
    equal(await scan({ files: [path], summary: false, json: false }, { stdout, stderr: new PassThrough() }), 0);
  });

  /** The year, month and day of each event of a log with these times, last written to in November 2026. */
  async function days(name: string, times: readonly string[], filler = ''): Promise<string[]> {
    const path = file(name, times.map((time) => `${time} 10:00:00 web sshd[1]: ${FAILED}\n${filler}`).join(''));
    utimesSync(path, new Date('2026-11-24'), new Date('2026-11-24'));
    const { out } = await run([path]);
    return [...out.matchAll(/"at":"(\d{4}-\d\d-\d\d)/g)].map(([, day = '']) => day);
  }

  it('finds the years of a log that was never rotated by the turns of the year in it', async () => {
    deepEqual(await days('turns.log', ['Jun 10', 'Dec 31', 'Jan  1', 'Nov  1']), [
      ...['2025-06-10', '2025-12-31', '2026-01-01', '2026-11-01'],
    ]);
    deepEqual(await days('sparse.log', ['Jun 10', 'Mar 31', 'Feb 27', 'Nov  1']), [
      ...['2024-06-10', '2025-03-31', '2026-02-27', '2026-11-01'],
    ]);
    deepEqual(await days('leap.log', ['Feb 28', 'Feb 29', 'Mar  1']), ['2024-02-28', '2024-02-29', '2024-03-01']);
    // More than is looked through whole.
    const filler = `Jun 10 10:00:00 web CRON[1]: ${'x'.repeat(1_000)}\n`.repeat(1_500);
    deepEqual(await days('large.log', ['Jun 10', 'Jun 10'], filler), ['2026-06-10', '2026-06-10']);
    const months = ['Nov 20', 'Feb 20', 'May 20', 'Aug 20', 'Nov 20', 'Feb 20'];
    const all = months.map((day) => `${day} 10:00:00 web CRON[1]: ${'x'.repeat(1_000)}\n`.repeat(700)).join('');
    const path = file(
      'largest.log',
      `Nov 20 10:00:00 web sshd[1]: ${FAILED}\n${all}Mar 20 10:00:00 web sshd[1]: ${FAILED}\n`,
    );
    utimesSync(path, new Date('2026-11-24'), new Date('2026-11-24'));
    const { out } = await run([path]);
    deepEqual(
      [...out.matchAll(/"at":"(\d{4}-\d\d)/g)].map(([, month]) => month),
      ['2024-11', '2026-03'],
    );
  });

  it('takes a log in no order for what it is: no line is more than a year before the last for it', async () => {
    const times = ['Jun 21', 'May 29', 'Feb 25', 'Jan  5', 'Mar  3'];
    const found = await days('disorder.log', Array.from({ length: 6 }, () => times).flat());
    ok(
      found.every((day) => day > '2025-03-03'),
      found.join(' '),
    );
  });

  it('takes the time of a compressed log from its gzip header', async () => {
    const packed = gzipSync(`Dec 31 10:00:00 web sshd[1]: ${FAILED}\n`);
    packed.writeUInt32LE(Date.UTC(2024, 0, 1) / 1_000, 4);
    const { out } = await run([file('noted.log.1.gz', packed)]);
    match(out, /"at":"2023-12-31T/);
  });

  it('takes the year of year-less lines from the last of them, not from a younger copy', async () => {
    const path = file('years.log', `Dec 31 23:59:59 web sshd[1]: ${FAILED}\nJan  1 00:00:01 web sshd[1]: ${FAILED}\n`);
    utimesSync(path, new Date('2026-06-01'), new Date('2026-06-01'));
    const { out } = await run([path]);
    deepEqual(
      out
        .trim()
        .split('\n')
        .map((line) => new Date(JSON.parse(line).at).getFullYear()),
      [2025, 2026],
    );
  });

  it('sums up for people: outcomes, sources, users, and nothing that moves a cursor', async () => {
    const evil = 'Invalid user \u001b[2Jx from 192.0.2.66 port 9';
    const { code, out } = await run(['--summary', file('sum.log', iso('10:00:00', FAILED) + iso('10:00:02', evil, 2))]);
    equal(code, 0);
    match(out, /^1 attempts, 1 probes in 2 lines, 2026-11-20 10:00:00 to 2026-11-20 10:00:02 UTC\n/);
    match(out, /192\.0\.2\.10 +1 +0 +1 +0\n/);
    ok(!out.includes('\u001b'));
    match(out, /\\u001b\[2Jx/);
  });

  it(`prints every event as it is, in log order, whichever way it was read (SEED=${SEED})`, async () => {
    const chance = new Chance(SEED);
    const users = [
      'root',
      'a"b',
      'a\\b',
      'john doe',
      'x'.repeat(63),
      'x'.repeat(64),
      'x'.repeat(90),
      '',
      'e',
      'm\u00fcller',
    ];
    const hosts = ['web', 'db-1', 'w\u00eb\u00df'];
    const ips = ['192.0.2.1', '203.0.113.255', '2001:db8::1', '::1', '2001:db8:0:1:2:3:4:5'];
    const lines = Array.from({ length: 30_000 }, (_, i) => {
      const peer = `${chance.one(ips)} port ${1 + (i % 65_000)}`;
      const user = chance.one(users);
      const message = chance.one([
        `Failed password for ${user} from ${peer} ssh2`,
        `Failed password for invalid user ${user} from ${peer} ssh2`,
        `Invalid user ${user} from ${peer}`,
        `Accepted publickey for ${user} from ${peer} ssh2: ED25519 SHA256:${chance.one(['x"y', 'x/y+z'])}`,
        `Accepted password for ${user} from ${peer} ssh2`,
        `Accepted keyboard-interactive/pam for ${user} from ${peer} ssh2`,
        `Unable to negotiate with ${peer}: no matching host key type found. Their offer: ssh-rsa [preauth]`,
        'error: kex_exchange_identification: Connection closed by remote host',
      ]);
      const ms = Date.UTC(2026, 10, 20, 10) + Math.floor(i / 9) * 1_000 + chance.one([0, 0, 7, 40, 310, 999]);
      const time = new Date(ms).toISOString();
      // Of a connection without a time nobody knows when it is over: it would hold up all to the end.
      const head =
        message.startsWith('Failed') && chance.below(50) === 0 ? '' : `${time.slice(0, -1)}${chance.below(100)}+00:00 `;
      return `${head}${chance.one(hosts)} sshd[${1_000 + i}]: ${message}\n`;
    });
    // One that stays open for long holds up all behind it.
    lines.splice(
      5_000,
      0,
      lines[4_999]?.replace(/sshd.*/, 'sshd[7]: Invalid user eve from 198.51.100.1 port 9') as string,
    );
    // The second one goes on with what the first one has begun.
    const paths = [lines.slice(0, 12_000), lines.slice(12_000)].map((some, n) =>
      file(`b\u00fcro "x".log${n === 0 ? '.1' : ''}`, some.join('')),
    );
    for (const args of [[paths[0] as string], paths]) {
      const reader = new Reader();
      const context = { writtenMs: Date.now(), nowMs: Date.now() };
      const emitted = args.flatMap((path) => reader.read(readFileSync(path), context));
      emitted.push(...reader.end());
      // Lines are sorted as they are printed: those of one line in the order in which they were emitted.
      emitted.sort((a, b) => a.line - b.line);
      const expected = emitted.map(({ event, line, trust }) => {
        const isSecond = line > 12_000;
        const { at, outcome, method, user, invalidUser, ip, port, host, reason, key } = event;
        return JSON.stringify({
          line: line - (isSecond ? 12_000 : 0),
          file: args.length > 1 ? args[isSecond ? 1 : 0] : undefined,
          ...{ at, outcome, method, user, invalidUser, ip, port, host, reason, key, trust },
        });
      });
      const { code, out } = await run(args);
      equal(code, 0);
      deepEqual(out.trimEnd().split('\n'), expected);
      ok(out.length > 1_500_000);
    }
  });

  it('prints nothing of what stands behind a line', async () => {
    // Behind the key, read with it as a number of eight bytes, these make none.
    const junk = ['f8ff', 'ff7ff07f', 'f0fff0ff', 'ffffffffffffffff'];
    const parts = Array.from({ length: 200 }, (_, i) => [
      Buffer.from(
        `Nov 20 10:00:00 web sshd[${i}]: Accepted publickey for root from 192.0.2.1 port ${i + 1} ssh2: RSA SHA256:${'k'.repeat(1 + (i % 30))}\n`,
      ),
      Buffer.from(`${junk[i % junk.length]}0a`, 'hex'),
    ]);
    const { out } = await run([file('junk.log', Buffer.concat(parts.flat()))]);
    deepEqual(
      out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).key),
      parts.map((_, i) => `RSA SHA256:${'k'.repeat(1 + (i % 30))}`),
    );
  });

  it('prints each event once, also before a line that is too long to be one', async () => {
    const times = 9_000;
    const lines = Array.from({ length: 8 }, (_, i) => [
      iso('10:00:00', `Failed password for root from 192.0.2.10 port ${i + 1} ssh2`, i),
      iso(
        '10:00:00',
        `message repeated ${times} times: [ Failed password for root from 192.0.2.10 port ${i + 1} ssh2]`,
        i,
      ),
      `${'x'.repeat(200_000)}\n`,
    ]);
    const { out } = await run([file('long.log', lines.flat().join(''))]);
    const ports = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).port);
    deepEqual(
      ports,
      lines.flatMap((_, i) => Array<number>(times + 1).fill(i + 1)),
    );
  });
});
