/**
 * Sessions of a real sshd: confirmed by the kernel, gone when their process is killed, and connections that no login explains.
 * Strangers who stay silent, slow or half authenticated, forwards and shared connections raise nothing.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { Pair, type Program } from '../programs.ts';
import { until } from '../until.ts';
import { byKey } from './login.ts';
import { has, lacking, outcome, output } from './machine.ts';
import { childrenOf, descendantsOf, Sshd, stopped } from './sshd.ts';

/** sshd's LoginGraceTime here, so that a connection without a login is overdue after 65 s. */
const GRACE_SECONDS = 5;
/** Two looks, a ping and the rules. */
const SEEN_MS = 60_000;
const OVERDUE_MS = (GRACE_SECONDS + 60) * 1_000 + SEEN_MS;

interface Session {
  readonly user: string;
  readonly port: number;
  readonly until: string | null;
  readonly how: string | null;
  readonly confirmedAt: string | null;
}

describe('sessions of a real sshd', {
  skip: lacking('a real sshd', { 'openssh-server': has('sshd'), 'openssh-client': has('ssh') }),
}, () => {
  let pair: Pair;
  let sshd: Sshd;
  let unread: Sshd;
  let agent: Program;
  const children: ChildProcess[] = [];
  const sockets: Socket[] = [];
  /** For sockets whose paths have to fit 107 bytes, unix(7): a folder of TMPDIR may be a long one. */
  const short = mkdtempSync('/tmp/asgard-');

  before(async () => {
    pair = await Pair.make();
    const settings = [`LoginGraceTime ${GRACE_SECONDS}`, 'MaxStartups 6:100:6', 'LogLevel INFO'];
    sshd = await Sshd.start(settings);
    unread = await Sshd.start(settings);
    await pair.serving();
    agent = pair.agent(settingsOf());
  });
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    for (const socket of sockets) socket.destroy();
    sshd.stop();
    unread.stop();
    await pair.close();
    rmSync(short, { recursive: true });
  });

  const settingsOf = (): Record<string, string> => ({
    ALPHACLIENT_LOG: sshd.logFile,
    ALPHACLIENT_LOGIN_GRACE: String(GRACE_SECONDS),
    ALPHACLIENT_SSHD_PORTS: `${sshd.port},${unread.port}`,
  });
  const sessions = async (open: boolean): Promise<readonly Session[]> =>
    (await pair.api<{ sessions: Session[] }>(`/api/sessions?open=${open}`)).sessions;
  const alerts = async (): Promise<readonly { rule: string; summary: string; source: string }[]> =>
    (
      await pair.api<{ alerts: { rule: string; summary: string; source: string }[] }>('/api/alerts?open=true')
    ).alerts.filter(({ rule }) => rule === 'unlogged-session');

  const start = (program: string, args: readonly string[], env: Record<string, string> = {}): ChildProcess => {
    const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...env } });
    children.push(child);
    return child;
  };
  /**
   * Gives what starts an ssh, and starts it again when it is called after that has ended: on a busy machine a login may take longer
   * than sshd waits for it.
   */
  const staying = (to: Sshd, ...args: string[]): (() => ChildProcess) => {
    let child: ChildProcess | null = null;
    return () => {
      if (child === null || child.exitCode !== null) child = start('ssh', [...to.login, ...args]);
      return child;
    };
  };
  const session = (to: Sshd): (() => ChildProcess) => staying(to, '127.0.0.1', 'sleep 600');

  /** A connection that says `words` and nothing more; a new one takes its place when sshd ends it. */
  const stranger = (words: string): void => {
    const socket = connect(sshd.port, '127.0.0.1', () => socket.write(words));
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      if (!isOver) setTimeout(() => stranger(words), 200).unref();
    });
  };
  let isOver = false;

  it('each is listed, and confirmed by the kernel', async () => {
    const logins = [session(sshd), session(sshd)];
    await until(async () => {
      for (const login of logins) login();
      return (await sessions(true)).length === 2;
    });
    await until(
      async () => (await sessions(true)).every(({ confirmedAt }) => confirmedAt !== null),
      undefined,
      SEEN_MS,
    );
    const { output: list } = await pair.serverCommand('who');
    assert.equal(list.trimEnd().split('\n').length, 3, list);
    assert.match(list, /confirmed/);
  });

  it('one whose process is killed is gone, though no line says so', async () => {
    // The listener has a child for each session, which has children of its own.
    const [child] = childrenOf(sshd.pid);
    assert.ok(child !== undefined && child > 1, 'a process of a session');
    // One that runs on would log the end of its child.
    assert.ok(await stopped(child));
    for (const pid of [...descendantsOf(child), child]) process.kill(pid, 'SIGKILL');
    await until(async () => (await sessions(false)).length === 1, undefined, SEEN_MS);
    const [ended] = await sessions(false);
    // Since 9.8 the listener says that the process was killed.
    assert.match(ended?.how ?? '', /^(gone|closed)$/);
    // This list was asked for before: an expensive result is given again for a while.
    await until(async () => (await sessions(true)).length === 1);
  });

  it('a login at an sshd whose log nobody reads is an incident; strangers, forwards and shared connections are none', async () => {
    // Half authenticated: it waits for an answer to its question for a password.
    const ask = join(pair.folder, 'ask');
    writeFileSync(ask, '#!/bin/sh\nexec sleep 600\n', { mode: 0o700 });
    const password = ['-o', 'PubkeyAuthentication=no', '-o', 'PasswordAuthentication=yes', '-o', 'BatchMode=no'];
    const asking = setInterval(
      () =>
        start('ssh', [...password, ...sshd.login, '127.0.0.1'], {
          SSH_ASKPASS: ask,
          SSH_ASKPASS_REQUIRE: 'force',
          DISPLAY: ':9',
        }),
      20_000,
    );
    const [control, forward] = [join(short, 'control'), join(short, 'forward')];
    const shared = staying(
      sshd,
      ...['-M', '-S', control, '-N', '-L', `${forward}:127.0.0.1:${sshd.port}`, '127.0.0.1'],
    );
    await until(() => {
      shared();
      return outcome('ssh', ['-S', control, '-O', 'check', '127.0.0.1']).status === 0;
    });
    for (let i = 0; i < 3; i++) start('ssh', ['-S', control, '127.0.0.1', 'sleep 600']);
    const through = connect(forward);
    sockets.push(through);
    through.on('error', () => {});

    // More than MaxStartups lets in: it drops the rest, and new ones take their places.
    for (let i = 0; i < 12; i++) stranger(['', 'SSH-2.0-slow\r\n', 'SSH-2.0-'][i % 3] ?? '');
    const intruder = session(unread);
    await until(
      async () => {
        intruder();
        return (await alerts()).length > 0;
      },
      undefined,
      OVERDUE_MS,
    );
    clearInterval(asking);
    const all = await alerts();
    assert.equal(all.length, 1);
    assert.match(
      all[0]?.summary ?? '',
      /^a connection to sshd on box from 127\.0\.0\.1 that no login in its log explains$/,
    );
    intruder().kill();
    await until(async () => (await alerts()).length === 0, undefined, SEEN_MS);
    isOver = true;
  });

  it('a key that is revoked is refused at the next login, without a restart of sshd; the session that is open goes on', async () => {
    const fingerprint = output('ssh-keygen', '-l', '-f', `${sshd.keyFile}.pub`).split(' ')[1] as string;
    const before = (await sessions(true)).map(({ port }) => port);
    assert.ok(before.length > 0);
    // A login for which sshd does not wait says nothing about the key.
    const isLetIn = async (): Promise<boolean> => {
      let answer = false;
      await until(() => {
        try {
          answer = byKey('127.0.0.1', sshd.user, sshd.keyFile, sshd.port);
          return true;
        } catch {
          return false;
        }
      });
      return answer;
    };
    assert.equal(await isLetIn(), true);
    const { code, output: revoked } = await pair.serverCommand(
      'keys',
      'revoke',
      '--file',
      sshd.revokedKeysFile,
      fingerprint,
    );
    assert.equal(code, 0, revoked);
    assert.equal(await isLetIn(), false);
    // The one of this login ends; those of before go on.
    let open: readonly number[] = [];
    await until(
      async () => {
        open = (await sessions(true)).map(({ port }) => port);
        return open.every((port) => before.includes(port));
      },
      () => `open are ${open.join()}, before ${before.join()}`,
      SEEN_MS,
    );
    assert.ok(before.every((port) => open.includes(port)));
  });

  it('those of before a reboot end with it, once the log is read', async () => {
    const open = (await sessions(true)).length;
    assert.ok(open >= 2);
    await agent.end('SIGKILL');
    const db = new DatabaseSync(join(pair.folder, 'agent', 'outbox.db'));
    db.prepare("UPDATE meta SET value = '\"another\"' WHERE key = 'kept:bootId'").run();
    db.close();
    agent = pair.agent(settingsOf());
    await until(
      async () => (await sessions(false)).filter(({ how }) => how === 'reboot').length === open,
      undefined,
      SEEN_MS,
    );
  });
});
