import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { type JournalOptions, JournalSource } from '../../../alphaclient/log/journal-source.ts';
import type { Chunk, LogPosition } from '../../../alphaclient/log/source.ts';
import { type Fields, journalLacking, ScratchJournal, sshd } from '../../journal/journal.ts';

const DEADLINE_MS = 20_000;
/** Some dozen programs are started and killed in a row within this time. */
const KILLS_LIMIT_MS = 240_000;

type Logged = [level: 'info' | 'warn' | 'error', text: string];

function recordingLog(): { log: JournalOptions['log']; logged: Logged[] } {
  const logged: Logged[] = [];
  return {
    logged,
    log: {
      info: (text) => logged.push(['info', text]),
      warn: (text) => logged.push(['warn', text]),
      error: (text) => logged.push(['error', text]),
    },
  };
}

function messages(chunk: Chunk): unknown[] {
  const text = Buffer.from(chunk.bytes).toString();
  assert.ok(text === '' || text.endsWith('\n'), 'whole lines only');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { MESSAGE: unknown }).MESSAGE);
}

/** Reads until `enough` of what was read; fails after a deadline with what there is. */
async function read(
  source: JournalSource,
  enough: (all: readonly unknown[], chunks: readonly Chunk[]) => boolean,
): Promise<{ all: unknown[]; chunks: Chunk[]; position: LogPosition | null }> {
  const chunks: Chunk[] = [];
  const all: unknown[] = [];
  const timer = setTimeout(() => source.close(), DEADLINE_MS);
  try {
    while (!enough(all, chunks)) {
      const chunk = await source.next();
      assert.ok(chunk, `closed by the deadline, having read ${JSON.stringify(all).slice(0, 2_000)}`);
      chunks.push(chunk);
      all.push(...messages(chunk));
    }
  } finally {
    clearTimeout(timer);
  }
  return { all, chunks, position: chunks.at(-1)?.position ?? null };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + DEADLINE_MS; !holds(); await delay(5)) assert.ok(Date.now() < end, `never: ${what}`);
}

/** The programs that were started with this folder among their arguments, and still run. */
function programsOf(folder: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return /^\d+$/.test(pid) && args.includes(folder) ? [args] : [];
    } catch {
      return [];
    }
  });
}

const count = (n: number) => (all: readonly unknown[]) => all.length >= n;
const line = (n: number) => `Failed password for root from 203.0.113.9 port ${n} ssh2`;
const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => line(from + i));
const records = (from: number, to: number): Fields[] => lines(from, to).map((text) => sshd(text));

const skip = journalLacking();
describe('a journal', { skip, concurrency: 2 }, () => {
  const followed = new Map<TestContext, JournalSource[]>();

  async function scratch(t: TestContext): Promise<ScratchJournal> {
    const journal = new ScratchJournal();
    t.after(async () => {
      for (const source of followed.get(t) ?? []) source.close();
      await journal.remove();
      await until('no program is left behind', () => programsOf(journal.folder).length === 0);
    });
    return journal;
  }

  function follow(
    t: TestContext,
    command: readonly string[],
    options: Partial<JournalOptions> = {},
  ): JournalSource & { logged: Logged[] } {
    const { log, logged } = recordingLog();
    const source = new JournalSource({ position: null, from: 'start', log, command, ...options });
    followed.set(t, [...(followed.get(t) ?? []), source]);
    return Object.assign(source, { logged });
  }

  it('is read from its start, and then followed', async (t) => {
    const journal = await scratch(t);
    journal.append(...records(0, 50));
    await journal.rotate();
    const source = follow(t, journal.command);
    const { all, chunks } = await read(source, count(50));
    assert.deepEqual(all, lines(0, 50));
    assert.ok(chunks.every((chunk) => chunk.gaps.length === 0 && chunk.cutLines === 0));
    assert.ok(Math.abs((chunks.at(-1)?.writtenMs ?? 0) - (Date.now() - 3_600_000)) < 600_000);
    journal.append(...records(50, 60));
    assert.deepEqual((await read(source, count(10))).all, lines(50, 60));
    assert.equal(source.status().state, 'caught up');
    source.close();
    assert.equal(await source.next(), null);
    assert.deepEqual(source.logged, []);
  });

  it('is read from its end where that is asked for, and a restart goes on from there', async (t) => {
    const journal = await scratch(t);
    journal.append(...records(0, 5), { MESSAGE: 'of another program', SYSLOG_IDENTIFIER: 'cron' });
    await journal.rotate();
    const first = follow(t, journal.command, { from: 'end' });
    const { position } = await read(first, (_, chunks) => chunks.length === 1);
    first.close();
    journal.append(...records(5, 8));
    const { all } = await read(follow(t, journal.command, { from: 'end', position }), count(3));
    assert.deepEqual(all, lines(5, 8));
  });

  it('emits the records that claim to be sshd’s, forged or not, unchanged, and no others', async (t) => {
    const journal = await scratch(t);
    const bytes = Buffer.from([0x70, 0xff, 0x0a, 0x71]);
    journal.append(
      { MESSAGE: line(1), SYSLOG_IDENTIFIER: 'cron', _COMM: 'cron' },
      sshd(line(2), { _EXE: '/usr/bin/logger', _UID: '1000' }),
      sshd('session', { SYSLOG_IDENTIFIER: 'sshd-session' }),
      sshd('auth', { SYSLOG_IDENTIFIER: 'sshd-auth' }),
      sshd(bytes),
      sshd('quoted "__CURSOR":"s=1" \\ text'),
    );
    const { all, chunks } = await read(follow(t, journal.command), count(5));
    assert.deepEqual(all, [line(2), 'session', 'auth', [...bytes], 'quoted "__CURSOR":"s=1" \\ text']);
    const printed = JSON.parse(
      Buffer.concat(chunks.map((one) => one.bytes))
        .toString()
        .split('\n')[0] ?? '',
    );
    assert.equal(printed._EXE, '/usr/bin/logger');
    assert.equal(printed._UID, '1000');
    assert.equal(printed.SYSLOG_PID, '501');
    assert.equal(printed._TRANSPORT, 'syslog');
  });

  it('is followed into another boot than the one that journalctl found, but not into another machine', async (t) => {
    const journal = await scratch(t);
    journal.append(...records(0, 2));
    const source = follow(t, journal.command, { machineId: journal.machineId });
    await read(source, count(2));
    const first = read(source, count(1));
    await until('it has caught up', () => source.status().state === 'caught up');
    journal.append(...records(2, 3));
    assert.deepEqual((await first).all, lines(2, 3));
    await journal.reboot();
    journal.append(sshd(line(7), { _MACHINE_ID: 'c0a1c2d3e4f5061728394a5b6c7d8e9f' }), ...records(3, 4));
    assert.deepEqual((await read(source, count(1))).all, lines(3, 4));
  });

  it('is read exactly once over restarts at every record, several files and a reboot', async (t) => {
    const journal = await scratch(t);
    journal.append(...records(0, 4));
    await journal.rotate();
    journal.append(...records(4, 7));
    await journal.reboot();
    journal.append(...records(7, 12));
    await journal.rotate();
    let position: LogPosition | null = null;
    const all: unknown[] = [];
    for (let n = 0; n < 12; n++) {
      // The record of the position once more, one or two others, and the pipe is cut in the middle of the next.
      const command = [
        'sh',
        '-c',
        'journalctl "$@" | dd bs=1 count=1400 status=none',
        '-',
        ...journal.command.slice(1),
      ];
      const source: JournalSource = follow(t, command, { position });
      const got = await read(source, count(1));
      source.close();
      assert.ok(got.all.length <= 2);
      all.push(...got.all);
      position = got.position;
      if (all.length >= 12) break;
    }
    assert.deepEqual(all, lines(0, 12));
  });

  it('loses nothing and doubles nothing when journalctl keeps dying in the middle of a record', async (t) => {
    const journal = await scratch(t);
    journal.append(...records(0, 30));
    await journal.rotate();
    const command = ['sh', '-c', 'journalctl "$@" | dd bs=1 count=5000 status=none', '-', ...journal.command.slice(1)];
    const source = follow(t, command);
    assert.deepEqual((await read(source, count(30))).all, lines(0, 30));
    assert.deepEqual(
      source.logged.filter(([level]) => level === 'error'),
      [],
    );
    assert.ok(source.logged.some(([level, text]) => level === 'warn' && text.includes('starting it again')));
  });

  it('is read from the first record that is left when it was vacuumed, and the gap is declared once', async (t) => {
    const journal = await scratch(t);
    journal.append(...records(0, 5));
    await journal.rotate();
    const old = journal.file;
    const first = follow(t, journal.command);
    const { position } = await read(first, count(5));
    first.close();
    rmSync(old);
    journal.append(...records(5, 9));
    await journal.rotate();
    const second = follow(t, journal.command, { position });
    const got = await read(second, count(4));
    second.close();
    assert.deepEqual(got.all, lines(5, 9));
    const gaps = got.chunks.flatMap((chunk) => chunk.gaps);
    assert.deepEqual(
      gaps.map((gap) => gap.kind),
      ['rotated-away'],
    );
    assert.match(gaps[0]?.text ?? '', /vacuumed before it was read/);
    journal.append(...records(9, 10));
    const third = await read(follow(t, journal.command, { position: got.position }), count(1));
    assert.deepEqual(third.all, lines(9, 10));
    assert.deepEqual(
      third.chunks.flatMap((chunk) => chunk.gaps),
      [],
    );
  });

  it('that has only older records is taken for another journal: all is read, and the gap declared', async (t) => {
    const journal = await scratch(t);
    journal.append(...records(0, 3));
    await journal.rotate();
    const cursor = `s=${'1'.repeat(32)};i=5;b=${'2'.repeat(32)};m=1;t=7fffffffffffff;x=3`;
    const got = await read(follow(t, journal.command, { position: { version: 1, cursor } }), count(3));
    assert.deepEqual(got.all, lines(0, 3));
    assert.equal(got.chunks.flatMap((chunk) => chunk.gaps).length, 1);
  });

  it("declares how many of sshd's records journald dropped, and believes no other program about it", async (t) => {
    const journal = await scratch(t);
    const dropped = { MESSAGE_ID: 'a596d6fe7bfa4994828e72309e95d61e', SYSLOG_IDENTIFIER: 'systemd-journald' };
    const driver = { ...dropped, _TRANSPORT: 'driver' };
    journal.append(
      sshd(line(0)),
      { ...driver, MESSAGE: 'Suppressed 123 messages from ssh.service', N_DROPPED: '123' },
      { ...driver, MESSAGE: 'Suppressed 9 messages from cron.service', N_DROPPED: '9' },
      { ...driver, MESSAGE: 'Suppressed 7 messages from /system.slice/sshd@1-10.0.0.1:22.service' },
      { ...dropped, _TRANSPORT: 'syslog', MESSAGE: 'Suppressed 99 messages from ssh.service' },
      sshd(line(1), { MESSAGE_ID: 'a596d6fe7bfa4994828e72309e95d61e' }),
    );
    await journal.rotate();
    const { all, chunks } = await read(follow(t, journal.command), count(2));
    assert.deepEqual(all, lines(0, 2));
    assert.deepEqual(
      chunks.flatMap((chunk) => chunk.gaps),
      [
        { kind: 'suppressed', text: 'journald: Suppressed 123 messages from ssh.service', bytes: null, lines: 123 },
        {
          kind: 'suppressed',
          text: 'journald: Suppressed 7 messages from /system.slice/sshd@1-10.0.0.1:22.service',
          bytes: null,
          lines: 7,
        },
      ],
    );
  });

  it('declares a record that is too long once, however often it is followed anew, and it hides no other', async (t) => {
    const journal = await scratch(t);
    const texts = Array.from({ length: 40 }, (_, i) => `${i} ${'x'.repeat(3_000)}`);
    const overlong = { MESSAGE: texts.join('\nMESSAGE='), SYSLOG_IDENTIFIER: 'sshd' };
    const gap = { kind: 'unreadable', text: 'a record of the journal that is longer than 64 KiB was not read' };
    const declared = [{ ...gap, bytes: null, lines: 1 }];
    const gapsOf = (chunks: readonly Chunk[]) => chunks.flatMap(({ gaps }) => gaps);
    journal.append(...records(0, 2), overlong);
    await journal.rotate();
    const first = follow(t, journal.command, { lookAfterMs: 50 });
    const { chunks, position } = await read(first, (all, some) => all.length === 2 && gapsOf(some).length > 0);
    assert.deepEqual(gapsOf(chunks), declared);
    const restarted = follow(t, journal.command, { position });
    journal.append(...records(2, 3));
    for (const source of [first, restarted]) {
      const got = await read(source, count(1));
      assert.deepEqual([got.all, gapsOf(got.chunks)], [lines(2, 3), []]);
    }
    journal.append(overlong, ...records(3, 4));
    for (const source of [first, restarted]) {
      const got = await read(source, count(1));
      assert.deepEqual([got.all, gapsOf(got.chunks)], [lines(3, 4), declared]);
    }
  });

  it('whose last record is too long is not empty', async (t) => {
    const journal = await scratch(t);
    const numbers = Array.from({ length: 40 }, (_, i) => `${i}${'0'.repeat(3_000)}`);
    journal.append(...records(0, 2), { MESSAGE: 'of another program', PRIORITY: numbers.join('\nPRIORITY=') });
    await journal.rotate();
    const source = follow(t, journal.command);
    assert.deepEqual((await read(source, count(2))).all, lines(0, 2));
    assert.deepEqual(source.logged, []);
  });

  it('is read once the system can start a process again, where it could not for a while', async (t) => {
    const journal = await scratch(t);
    journal.append(...records(0, 2));
    await journal.rotate();
    // Longer than the system takes, which Node throws as it throws ENOMEM.
    const command = [...journal.command, `--unit=${'x'.repeat(200_000)}`];
    const source = follow(t, command);
    const reading = read(source, count(2));
    await until('the fault is logged', () => source.logged.length > 0);
    command.pop();
    assert.deepEqual((await reading).all, lines(0, 2));
    assert.match(
      source.logged.map(([level, text]) => `${level} ${text}`).join('\n'),
      /^warn journalctl cannot be run \(E2BIG\); starting it again/,
    );
  });

  it('is not read while nobody calls next', async (t) => {
    const journal = await scratch(t);
    journal.append(...records(0, 5_000));
    await journal.rotate();
    const source = follow(t, journal.command);
    const { all } = await read(source, count(1));
    await until('journalctl has filled what it may', () => source.status().behindBytes > 0);
    await delay(100);
    assert.ok(source.status().behindBytes <= 2 * 65_536, `${source.status().behindBytes} bytes held`);
    const rest = await read(source, count(5_000 - all.length));
    assert.deepEqual([...all, ...rest.all], lines(0, 5_000));
  });

  it('is read on when journalctl stops following silently', async (t) => {
    const journal = await scratch(t);
    journal.append(...records(0, 2));
    const stuck = 'case "$*" in *--follow*) exec sleep 60;; *) exec journalctl "$@";; esac';
    const command = ['sh', '-c', stuck, '-', ...journal.command.slice(1)];
    const source = follow(t, command, { lookAfterMs: 50 });
    assert.deepEqual((await read(source, count(2))).all, lines(0, 2));
    journal.append(...records(2, 4));
    assert.deepEqual((await read(source, count(2))).all, lines(2, 4));
  });

  it('is asked anew where journalctl gives no answer, and does not count as read meanwhile', async (t) => {
    const journal = await scratch(t);
    journal.append(...records(0, 2));
    await journal.rotate();
    // While this is there, journalctl hangs as on a disk that gives nothing.
    const hanging = join(journal.folder, 'hanging');
    const hangs = `case "$*" in *--lines=1*) [ -e ${hanging} ] && exec sleep 60;; esac; exec journalctl "$@"`;
    const command = ['sh', '-c', hangs, '-', ...journal.command.slice(1)];
    const source = follow(t, command, { lookAfterMs: 50, answerLimitMs: 2_000 });
    assert.deepEqual((await read(source, count(2))).all, lines(0, 2));
    writeFileSync(hanging, '');
    const third = read(source, count(1));
    await until('the fault is logged', () => source.logged.length > 0);
    assert.deepEqual(source.logged[0], ['warn', 'journalctl gave no answer for 2 s; starting it again']);
    assert.equal(source.status().state, 'starting');
    rmSync(hanging);
    journal.append(...records(2, 3));
    assert.deepEqual((await third).all, lines(2, 3));
  });

  it('is read anew where journalctl hangs while it catches up, which is logged', async (t) => {
    const journal = await scratch(t);
    journal.append(...records(0, 2));
    await journal.rotate();
    const hanging = join(journal.folder, 'hanging');
    const runs = join(journal.folder, 'runs');
    const hangs = `
      case "$*" in
        *--lines=1*|*--follow*) ;;
        *) [ -e ${hanging} ] && { echo >>${runs}; exec sleep 600; };;
      esac
      exec journalctl "$@"`;
    const command = ['sh', '-c', hangs, '-', ...journal.command.slice(1)];
    const source = follow(t, command, { lookAfterMs: 50, answerLimitMs: 2_000 });
    assert.deepEqual((await read(source, count(2))).all, lines(0, 2));
    writeFileSync(hanging, '');
    const third = read(source, count(1));
    await until('the fault is logged', () => source.logged.length > 1);
    await until('it hangs once more', () => readFileSync(runs, 'utf8').length > 1);
    rmSync(hanging);
    assert.deepEqual(source.logged, [
      [
        'warn',
        'journalctl has printed nothing for 2 s while it reads what is there; it is left to go on while it works',
      ],
      ['warn', 'journalctl has done nothing for 2 s; starting it again'],
    ]);
    journal.append(...records(2, 3));
    assert.deepEqual((await third).all, lines(2, 3));
  });

  it('is not read anew where journalctl works for long before it prints anything, which is logged once', async (t) => {
    const journal = await scratch(t);
    journal.append(...records(0, 2));
    await journal.rotate();
    const searching = join(journal.folder, 'searching');
    const runs = join(journal.folder, 'runs');
    writeFileSync(searching, '');
    const works = `
      case "$*" in
        *--lines=1*|*--follow*) ;;
        *) echo >>${runs}; while [ -e ${searching} ]; do :; done;;
      esac
      exec journalctl "$@"`;
    const source = follow(t, ['sh', '-c', works, '-', ...journal.command.slice(1)], { answerLimitMs: 2_000 });
    const both = read(source, count(2));
    await until('it is logged', () => source.logged.length > 0);
    const loggedMs = performance.now();
    await until('the limit has passed twice more', () => performance.now() - loggedMs > 5_000);
    rmSync(searching);
    assert.deepEqual((await both).all, lines(0, 2));
    assert.equal(readFileSync(runs, 'utf8'), '\n');
    assert.deepEqual(
      source.logged.map(([level]) => level),
      ['warn'],
    );
  });

  it('does not count as read while it is looked at anew, where nobody called next for long', async (t) => {
    const journal = await scratch(t);
    journal.append(...records(0, 2));
    const lookAfterMs = 300;
    const source = follow(t, journal.command, { lookAfterMs });
    await read(source, count(2));
    const third = read(source, count(1));
    await until('the journal is followed', () => source.status().state === 'caught up');
    journal.append(...records(2, 3));
    await third;
    const readMs = performance.now();
    await until('a new round is due', () => performance.now() - readMs > lookAfterMs);
    const fourth = read(source, count(1));
    await nextTurn();
    assert.equal(source.status().state, 'behind');
    journal.append(...records(3, 4));
    assert.deepEqual((await fourth).all, lines(3, 4));
  });

  it('moves its position on while sshd is quiet, so that no gap is declared once the last record is vacuumed', async (t) => {
    const journal = await scratch(t);
    journal.append(...records(0, 2));
    await journal.rotate();
    const old = journal.file;
    const source = follow(t, journal.command, { lookAfterMs: 50 });
    const { position: before } = await read(source, count(2));
    journal.append({ MESSAGE: 'of another program', SYSLOG_IDENTIFIER: 'cron' });
    const { chunks, position } = await read(source, (_, all) => all.length > 0);
    source.close();
    assert.notDeepEqual(position, before);
    assert.equal(chunks[0]?.bytes.length, 0);
    rmSync(old);
    journal.append(...records(2, 3));
    const got = await read(follow(t, journal.command, { position }), count(1));
    assert.deepEqual(got.all, lines(2, 3));
    assert.deepEqual(
      got.chunks.flatMap((chunk) => chunk.gaps),
      [],
    );
  });

  it('is read exactly once by a program that is killed again and again', async (t) => {
    const journal = await scratch(t);
    const seed = Math.floor(Math.random() * 2 ** 31);
    t.diagnostic(`seed ${seed}`);
    const chance = numbers(seed);
    const notes = join(journal.folder, 'notes');
    const total = 600;
    const seen = () => (existsSync(notes) ? readFileSync(notes, 'utf8').split('\n').slice(0, -1) : []);
    const all = () => seen().flatMap((note) => (JSON.parse(note) as { all: string[] }).all);
    let written = 0;
    for (const end = Date.now() + KILLS_LIMIT_MS; all().length < total; ) {
      assert.ok(Date.now() < end, `seed ${seed}: ${all().length} of ${total} read`);
      const child = spawn(process.execPath, [join(import.meta.dirname, 'journal-notes.ts'), notes, ...journal.command]);
      const closed = once(child, 'close');
      // Most are killed soon after they have noted something, some while they start, however slow this machine is.
      const before = seen().length;
      const early = chance() < 0.2;
      let stop = Date.now() + (early ? 200 : DEADLINE_MS);
      for (; Date.now() < stop; await delay(5)) {
        if (!early && seen().length > before) stop = Math.min(stop, Date.now() + chance() * 250);
        const more = Math.min(total - written, Math.floor(chance() * 5));
        journal.append(...records(written, written + more));
        written += more;
        if (chance() < 0.05) await journal.rotate();
      }
      child.kill('SIGKILL');
      await closed;
    }
    assert.deepEqual(all(), lines(0, total), `seed ${seed}`);
  });
});

/** Numbers from 0 to 1 that a seed decides (a linear congruential generator). */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('a journal that cannot be read', () => {
  const cases: [name: string, command: readonly string[], state: string, text: RegExp][] = [
    [
      'because there is no journalctl',
      ['/nonexistent/journalctl'],
      'log missing',
      /cannot be run \(ENOENT\).*ALPHACLIENT_LOG/,
    ],
    [
      'because it holds nothing',
      ['sh', '-c', 'echo "-- No entries --"', '-'],
      'log missing',
      /no record.*ALPHACLIENT_LOG/,
    ],
    [
      'because no file may be opened',
      ['sh', '-c', 'echo "No journal files were opened due to insufficient permissions." >&2; exit 1', '-'],
      'log unreadable',
      /systemd-journal.*ALPHACLIENT_LOG/,
    ],
    [
      "because only the user's own records are shown",
      [
        'sh',
        '-c',
        'echo "Hint: You are currently not seeing messages from other users and the system." >&2; sleep 60',
        '-',
      ],
      'log unreadable',
      /systemd-journal.*ALPHACLIENT_LOG/,
    ],
    [
      'because no file may be opened, which journalctl says after many warnings,',
      [
        'sh',
        '-c',
        `for i in $(seq 100); do echo "File /var/log/journal/$i.journal is truncated, ignoring file." >&2; done
         echo "No journal files were opened due to insufficient permissions." >&2; exit 1`,
        '-',
      ],
      'log unreadable',
      /systemd-journal.*ALPHACLIENT_LOG/,
    ],
    [
      "because only the user's own records are shown, which journalctl says before many warnings,",
      [
        'sh',
        '-c',
        `echo "Hint: You are currently not seeing messages from other users and the system." >&2
         for i in $(seq 100); do echo "File /var/log/journal/$i.journal is truncated, ignoring file." >&2; done; sleep 60`,
        '-',
      ],
      'log unreadable',
      /systemd-journal.*ALPHACLIENT_LOG/,
    ],
    [
      'because journalctl fails',
      ['sh', '-c', 'echo "Failed to open: Bad message" >&2; exit 7', '-'],
      'starting',
      /exit code 7: Failed to open: Bad message; starting it again/,
    ],
  ];
  for (const [name, command, state, text] of cases) {
    it(`${name} is logged once, and retried`, async () => {
      const { log, logged } = recordingLog();
      const source = new JournalSource({ position: null, from: 'start', log, command });
      after(() => source.close());
      const ended = source.next();
      await until('logged', () => logged.length > 0);
      await delay(500);
      assert.equal(source.status().state, state);
      source.close();
      assert.equal(await ended, null);
      assert.equal(logged.length, 1);
      assert.equal(logged[0]?.[0], state === 'starting' ? 'warn' : 'error');
      assert.match(logged[0]?.[1] ?? '', text);
    });
  }

  it('is read again when all that comes are gaps: the fault ends, and the next failure is the first', async (t) => {
    // Follows for one report of dropped records, and fails. Were all of them failures in a row, reading them would take 51 s.
    const folder = mkdtempSync(join(tmpdir(), 'journalctl-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const script = `
      report() {
        printf '{"__CURSOR":"s=a;i=%x;b=b;m=%x;t=%x;x=%x","_TRANSPORT":"driver",' $1 $1 $1 $1
        echo '"MESSAGE_ID":"a596d6fe7bfa4994828e72309e95d61e","MESSAGE":"Suppressed 5 messages from ssh.service"}'
      }
      last=$(cat ${folder}/last)
      case "$*" in
        *--lines=1*) report $last;;
        *--follow*) report $last; echo $((last + 1)) >${folder}/last; report $((last + 1)); exit 7;;
      esac`;
    writeFileSync(join(folder, 'last'), '1');
    const { log, logged } = recordingLog();
    const source = new JournalSource({ position: null, from: 'end', log, command: ['sh', '-c', script, '-'] });
    t.after(() => source.close());
    const gapsOf = (chunks: readonly Chunk[]) => chunks.flatMap(({ gaps }) => gaps.map(({ lines }) => lines));
    const { chunks } = await read(source, (_, some) => gapsOf(some).length >= 9);
    assert.deepEqual(gapsOf(chunks), Array(9).fill(5));
    assert.deepEqual(logged.slice(0, 2), [
      ['warn', 'journalctl ended with exit code 7; starting it again'],
      ['info', 'Following the journal again'],
    ]);
  });

  it('is read once it can be', { skip }, async (t) => {
    const journal = new ScratchJournal();
    t.after(() => journal.remove());
    const { log, logged } = recordingLog();
    const source = new JournalSource({ position: null, from: 'end', log, command: journal.command });
    t.after(() => source.close());
    const reading = read(source, count(1));
    await until('logged', () => logged.length > 0);
    journal.append(sshd(line(1)));
    assert.deepEqual((await reading).all, [line(1)]);
    const more = source.next();
    t.after(() => more);
    await until('logged again', () => logged.some(([level]) => level === 'info'));
  });

  it('ignores a position of another kind of log', { skip }, async (t) => {
    const journal = new ScratchJournal();
    t.after(() => journal.remove());
    journal.append(sshd(line(1)));
    const { log, logged } = recordingLog();
    const position = { version: 1, cursor: '--vacuum-size=1' };
    const source = new JournalSource({ position, from: 'start', log, command: journal.command });
    t.after(() => source.close());
    assert.deepEqual((await read(source, count(1))).all, [line(1)]);
    assert.equal(logged[0]?.[0], 'warn');
  });
});
