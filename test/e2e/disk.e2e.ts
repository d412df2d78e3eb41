/** Real disks that become full, or read-only, under both programs: one error, nothing lost, nothing twice. Needs root. */
import assert from 'node:assert/strict';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { OutboxError } from '../../alphaclient/outbox/database.ts';
import { OUTBOX_FILE, Outbox } from '../../alphaclient/outbox/outbox.ts';
import { Checkpoint, openStateFolder } from '../../alphaclient/outbox/recovery.ts';
import { ALERTS_FILE, openAlerts } from '../../alphaserver/alerting/schema.ts';
import { checkStore } from '../../alphaserver/store-check.ts';
import { encodeJoinCode } from '../../protocol/join-code.ts';
import { replaceFile } from '../../service/files.ts';
import { createLogger } from '../../service/logger.ts';
import { Attempts } from '../attempts.ts';
import { Pair, Program } from '../programs.ts';
import { until } from '../until.ts';
import { has, lacking, output } from './machine.ts';

/** The time in which the room that a write-ahead log has from the start is full, on a busy machine too. */
const ROOM_LIMIT_MS = 120_000;

const needs = { root: process.getuid?.() === 0, mount: has('mount'), 'mkfs.ext4': has('mkfs.ext4') };

describe('a disk', { skip: lacking('a disk that is full', needs) }, () => {
  let pair: Pair;
  let attempts: Attempts;
  let mounted: string[];

  beforeEach(async () => {
    pair = await Pair.make();
    attempts = new Attempts(pair);
    mounted = [];
  });
  afterEach(async () => {
    await pair.end();
    for (const folder of mounted) output('umount', folder);
    await pair.close();
  });

  /** A folder of one of the programs on a disk of its own. */
  function disk(name: string, ...how: string[]): string {
    const folder = join(pair.folder, name);
    mkdirSync(folder, { recursive: true });
    output('mount', ...how, folder);
    mounted.push(folder);
    return folder;
  }

  /** Fills a disk to its last byte, at the end of a file: of the page at the end of each other one some is left. */
  function fill(folder: string, name = 'filler'): void {
    const fd = openSync(join(folder, name), 'a');
    for (const size of [65_536, 4_096, 1])
      try {
        for (;;) writeSync(fd, Buffer.alloc(size));
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
      }
    closeSync(fd);
  }

  /** Writes attempts until a program says something: the file it writes may have had some room left, in which each commit of a slow machine takes little. */
  async function attemptsUntil(condition: () => boolean): Promise<void> {
    await until(
      () => {
        attempts.write(20);
        return condition();
      },
      undefined,
      ROOM_LIMIT_MS,
    );
  }

  it('full under the agent: it says so once, waits, and goes on when there is room', async () => {
    const folder = disk('agent', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs');
    await pair.serving();
    let agent = pair.agent();
    attempts.write(3);
    await attempts.exactlyOnce();
    fill(folder);
    await attemptsUntil(() => agent.output.includes('The outbox cannot be written'));
    assert.match(agent.output, /cannot be written, reading waits: database or disk is full/);
    await until(async () => (await pair.command('status')).output.includes('outbox failing'));
    attempts.write(20);
    rmSync(join(folder, 'filler'));
    await attempts.exactlyOnce();
    assert.equal(agent.output.split('cannot be written').length, 2, agent.output);
    // Killed while it is full: nothing of what was read and not kept is taken for kept.
    fill(folder);
    await attemptsUntil(() => agent.output.split('The outbox cannot be written').length === 3);
    await agent.end('SIGKILL');
    rmSync(join(folder, 'filler'));
    agent = pair.agent();
    await attempts.exactlyOnce();
  });

  it('full under the agent and under the file of its log: it waits, goes on when there is room, and has lost no line of its log', async () => {
    const folder = disk('agent', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs');
    const logFile = join(folder, 'log');
    await pair.serving();
    const agent = pair.agent({}, ['sh', '-c', `exec "$@" >>'${logFile}'`, 'sh']);
    attempts.write(3);
    await attempts.exactlyOnce();
    fill(folder);
    fill(folder, 'log');
    await until(
      async () => {
        attempts.write(20);
        return (await pair.command('status')).output.includes('outbox failing');
      },
      undefined,
      ROOM_LIMIT_MS,
    );
    rmSync(join(folder, 'filler'));
    await attempts.exactlyOnce();
    const log = (): string => readFileSync(logFile, 'utf8');
    await until(() => log().endsWith('The outbox can be written again\n'), log);
    assert.equal(log().split('The outbox cannot be written').length, 2, log());
    assert.equal(agent.child.exitCode, null);
  });

  it('full under the server: it acknowledges nothing, is not ready, says so, and goes on when there is room', async () => {
    const folder = disk('server', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs');
    let server = await pair.serving();
    pair.agent();
    attempts.write(3);
    await attempts.exactlyOnce();
    fill(folder);
    await attemptsUntil(() => server.output.includes('Nothing is stored'));
    assert.match(server.output, /Nothing is stored: the disk is full: agents keep their events until there is room/);
    const ready = await fetch(`http://127.0.0.1:${pair.httpPort}/readyz`);
    assert.equal(ready.status, 503);
    assert.match(await ready.text(), /the disk is full/);
    await until(async () => /^to send\s+[1-9]/m.test((await pair.command('status')).output));
    rmSync(join(folder, 'filler'));
    await attempts.exactlyOnce();
    await server.says('Storing again');
    fill(folder);
    await attemptsUntil(() => server.output.split('Nothing is stored').length === 3);
    await server.end('SIGKILL');
    rmSync(join(folder, 'filler'));
    server = await pair.serving();
    await attempts.exactlyOnce();
  });

  it('full where a program starts: it says so and ends, and starts once there is room', async () => {
    const [state, data] = ['agent', 'server'].map((name) => disk(name, '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs'));
    const server = await pair.serving();
    const agent = pair.agent();
    attempts.write(3);
    await attempts.exactlyOnce();
    for (const program of [agent, server]) await program.end('SIGTERM');
    // SQLite itself names the disk where not a byte is left, and an I/O error where its shared memory does not fit.
    for (const leftBytes of [0, 16_384]) {
      for (const folder of [state, data] as string[]) {
        fill(folder);
        const filler = join(folder, 'filler');
        truncateSync(filler, statSync(filler).size - leftBytes);
      }
      for (const program of [pair.server(), pair.agent()]) {
        assert.notEqual(await program.ended, 0);
        assert.match(program.output, /cannot be used: .*disk is full/);
      }
    }
    for (const folder of [state, data] as string[]) rmSync(join(folder, 'filler'));
    await pair.serving();
    pair.agent();
    attempts.write(3);
    await attempts.exactlyOnce();
  });

  it('full where a store is checked that was not closed in order: it is no damage, and is checked once there is room', async () => {
    const folder = disk('server', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs');
    const server = await pair.serving();
    pair.agent();
    attempts.write(3);
    await attempts.exactlyOnce();
    await server.end('SIGKILL');
    // Its counts have no shared memory yet, as right after the start of a machine.
    rmSync(join(folder, 'rollups.db-shm'));
    fill(folder);
    const lines: string[] = [];
    const log = createLogger({ level: 'info', format: 'plain', to: { write: (line: string) => lines.push(line) } });
    const ending = new AbortController();
    let isChecked = false;
    const ended = checkStore({
      folder,
      ingest: { refuse: (fault) => lines.push(fault) },
      checked: () => {
        isChecked = true;
      },
      log,
      signal: ending.signal,
      retryMs: 50,
    });
    try {
      await until(() => lines.length > 0);
      assert.match(lines.join(), /^The store could not be checked as a whole, tried again later: the disk is full \(/);
      assert.equal(isChecked, false);
      rmSync(join(folder, 'filler'));
      await until(() => lines.length > 1);
      assert.equal(isChecked, true);
      assert.equal(lines[1], 'The store was checked as a whole: it is not damaged\n');
    } finally {
      ending.abort();
      await ended;
    }
  });

  it('full where alerts.db is opened: only a damaged one is to be deleted', () => {
    const folder = disk('server', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs');
    fill(folder);
    assert.throws(() => openAlerts(folder), /alerts\.db cannot be used \((the disk|database or disk) is full[^:]*$/);
    rmSync(join(folder, 'filler'));
    writeFileSync(join(folder, ALERTS_FILE), 'no database at all, but long enough to be taken for one'.repeat(100));
    assert.throws(() => openAlerts(folder), /\(file is not a database\): deleted, it is rebuilt from the events/);
  });

  it('full in the middle of a new file that replaces an old one: that is an error, and the old one stays whole', () => {
    const folder = disk('server', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs');
    const tokens = join(folder, 'tokens.json');
    replaceFile(tokens, 'a'.repeat(6_000));
    const checkpoint = new Checkpoint(folder);
    const bookmark = { position: null, reader: 'x'.repeat(6_000) };
    const state = (seq: number) => ({
      agent: 'a',
      seq,
      logs: [{ log: '/x', bookmark }],
      declared: { lastGap: 0, declaredLost: 0 },
    });
    checkpoint.offer('a', 10_000, () => state(1));
    checkpoint.acknowledged(1, 10_000);
    fill(folder);
    const filler = join(folder, 'filler');
    // Room for the first of two pages: the system then writes one, and says so without an error.
    truncateSync(filler, statSync(filler).size - 4_096);
    assert.throws(() => replaceFile(tokens, 'b'.repeat(6_000)), { code: 'ENOSPC' });
    assert.equal(readFileSync(tokens, 'utf8'), 'a'.repeat(6_000));
    checkpoint.offer('a', 20_000, () => state(2));
    checkpoint.acknowledged(2, 20_000);
    assert.deepEqual(checkpoint.read(), state(1));
    assert.deepEqual(readdirSync(folder).sort(), ['checkpoint.json', 'filler', 'tokens.json']);
    truncateSync(filler, 0);
    replaceFile(tokens, 'b'.repeat(6_000));
    assert.equal(readFileSync(tokens, 'utf8'), 'b'.repeat(6_000));
  });

  it('full where a damaged outbox is to be replaced: it is replaced once there is room, as if there had been room at once', () => {
    const folder = disk('agent', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs');
    const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
    let refused = 0;
    for (let freePages = 0; freePages <= 48; freePages += 4) {
      const state = join(folder, `state-${freePages}`);
      const outbox = new Outbox(state);
      const bookmark = { position: { offset: 10 }, reader: 'x'.repeat(30_000) };
      outbox.commit({ log: '/x', ...bookmark, events: [], gaps: [], atMs: 0 });
      const checkpoint = new Checkpoint(state);
      checkpoint.offer(outbox.agent, 10_000, () => outbox.stateOf('/x', bookmark));
      checkpoint.acknowledged(0, 10_000);
      const { agent } = outbox;
      outbox.close();
      writeFileSync(join(state, OUTBOX_FILE), Buffer.alloc(8_192, 0x5a));
      fill(folder);
      const filler = join(folder, 'filler');
      truncateSync(filler, statSync(filler).size - freePages * 4_096);
      try {
        openStateFolder(state, log, 0).close();
      } catch (error) {
        refused += 1;
        assert.ok(error instanceof OutboxError && error.code === 'failed', String(error));
        assert.match(error.message, /full/);
      }
      truncateSync(filler, 0);
      const next = openStateFolder(state, log, 0);
      assert.deepEqual([next.agent, next.bookmark('/x'), next.resumed], [agent, bookmark, true], `${freePages} pages`);
      next.close();
      rmSync(state, { recursive: true });
    }
    assert.ok(refused > 1, `${refused} starts found no room`);
  });

  it('full under the settings of a host: joining sends nothing, and they stay as they are', async () => {
    const file = join(disk('settings', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs'), 'agent.env');
    writeFileSync(file, 'ALPHACLIENT_NAME=web-01\n');
    fill(dirname(file));
    const settings = { ALPHACLIENT_STATE: join(pair.folder, 'agent'), SETTINGS_DEFAULTS: file };
    const joining = pair.add(new Program('alphaclient/main.ts', settings, ['join', `127.0.0.1:${pair.port}`]));
    joining.child.stdin?.end(`${encodeJoinCode({ fingerprint: Buffer.alloc(16), secret: Buffer.alloc(16) })}\n`);
    assert.equal(await joining.ended, 1);
    assert.match(joining.output, /the settings cannot be written to .*make room on that disk; nothing was sent/);
    assert.equal(readFileSync(file, 'utf8'), 'ALPHACLIENT_NAME=web-01\n');
    assert.deepEqual(readdirSync(dirname(file)).sort(), ['agent.env', 'filler']);
  });

  it('full when the state of the rules is to be saved: the alert thread waits for room, and goes on', async () => {
    const folder = disk('server', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs');
    const server = await pair.serving();
    pair.agent();
    attempts.write(3);
    await attempts.exactlyOnce();
    fill(folder);
    // It is saved every 30 s.
    await until(() => /Alerts cannot be written, retried|alert thread died/.test(server.output), undefined, 90_000);
    rmSync(join(folder, 'filler'));
    attempts.write(20);
    await attempts.exactlyOnce();
    const alerts = async () => {
      const answer = await fetch(`http://127.0.0.1:${pair.httpPort}/api/alerts`);
      return ((await answer.json()) as { alerts: { rule: string }[] }).alerts.map(({ rule }) => rule);
    };
    await until(async () => (await alerts()).includes('brute-force'), undefined, 90_000);
    assert.doesNotMatch(server.output, /alert thread died/);
  });

  it('read-only under the agent, as an error of the disk makes it: it says so once, and nothing is lost', async () => {
    const image = join(pair.folder, 'image');
    output('truncate', '-s', '32M', image);
    output('mkfs.ext4', '-q', image);
    const folder = disk('agent', '-o', 'loop', image);
    await pair.serving();
    const agent = pair.agent();
    attempts.write(3);
    await attempts.exactlyOnce();
    // What ext4 does on its own after an error: https://docs.kernel.org/admin-guide/ext4.html (errors, abort).
    output('mount', '-o', 'remount,abort', folder);
    await attemptsUntil(() => agent.output.includes('The outbox cannot be written'));
    attempts.write(20);
    assert.equal((await attempts.users()).length, 3);
    await agent.end('SIGKILL');
    assert.equal(agent.output.split('cannot be written').length, 2, agent.output);
    output('umount', folder);
    // 1: errors were corrected.
    output('sh', '-c', `e2fsck -fy ${image} >/dev/null || [ $? -le 1 ]`);
    output('mount', '-o', 'loop', image, folder);
    pair.agent();
    await attempts.exactlyOnce();
  });
});
