/** The watch of sessions over boots of its host and restarts of its agent, with the kernel and the clock as arguments. */
import { deepEqual, equal } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { KernelConnection } from '../../alphaclient/kernel/connections.ts';
import { Outbox } from '../../alphaclient/outbox/outbox.ts';
import { isProcess, LOOK_EVERY_MS, SessionWatch } from '../../alphaclient/session-watch.ts';
import { HOSTS_LIMIT } from '../../alphaclient/sshd/host-index.ts';
import { Reader } from '../../alphaclient/sshd/reader.ts';
import { SessionChanges } from '../../alphaclient/sshd/session-changes.ts';
import { lacking, works } from '../e2e/machine.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const LOG = '/var/log/auth.log';

let folder: string;
let outbox: Outbox;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'session-watch-'));
  outbox = new Outbox(folder);
});
afterEach(() => {
  outbox.close();
  rmSync(folder, { recursive: true, force: true });
});

/** One life of an agent. */
class Life {
  readonly #sessions = new SessionChanges();
  readonly #reader: Reader;
  readonly watch: SessionWatch;
  nowMs = NOW;
  connections: KernelConnection[] = [];
  /** For each look, whether the connections had to be read anew. */
  readonly whole: boolean[] = [];

  constructor(bootId: string) {
    const saved = outbox.bookmark(LOG)?.reader as ConstructorParameters<typeof Reader>[0];
    const open = outbox.sessionsOf(LOG, true);
    this.#reader = new Reader(saved, null, null, { listener: this.#sessions, saved: open });
    this.watch = new SessionWatch({
      ...{ reader: this.#reader, sessions: this.#sessions, outbox, bootId, ports: null, loginGraceSeconds: 120 },
      connections: async (isWhole) => {
        this.whole.push(isWhole);
        return this.connections;
      },
      now: () => this.nowMs,
    });
  }

  /** The connection of a client with this port of its own is there. */
  connect(port: number): void {
    this.connections.push({ ip: '192.0.2.7', port, localPort: 22, isEstablished: true });
  }

  /** Somebody logs in from this port, whose connection is there. */
  login(port: number): void {
    this.connect(port);
    this.log(['web'], port, `Accepted password for u from 192.0.2.7 port ${port} ssh2`);
  }

  /** Each of these hosts logs this. */
  log(hosts: readonly string[], pid: number, message: string): void {
    const lines = hosts.map((host) => `2026-11-29T11:59:00+00:00 ${host} sshd[${pid}]: ${message}\n`).join('');
    this.#commit(this.#reader.read(Buffer.from(lines), { writtenMs: NOW, nowMs: NOW, timeZone: 'UTC' }));
  }

  async look(isOfOthers = false): Promise<void> {
    this.watch.compare(await this.watch.read(isOfOthers));
    this.#commit([]);
  }

  #commit(located: ReturnType<Reader['read']>): void {
    const { saved, removed, ends } = this.#sessions.take();
    const at = new Date(this.nowMs).toISOString();
    const gone = { at, user: null, ip: null, port: null, pid: null, lastedSeconds: null, host: null };
    outbox.commit({
      ...{ log: LOG, position: { offset: 1 }, reader: this.#reader.save(), gaps: [], atMs: NOW },
      kept: this.watch.take(),
      events: located.map(({ event }) => ({ ...event, at, host: null })),
      sessions: {
        ...{ begun: located.map(({ session }) => session), saved, removed },
        ends: ends.map(({ session, how }) => ({ session, end: { ...gone, how } })),
      },
    });
  }
}

const howOf = (body: string): string => (JSON.parse(body) as { how: string }).how;
const ends = (): string =>
  outbox
    .endsAfter(0, 100)
    .map(({ body }) => howOf(body))
    .join();

describe('a reboot', () => {
  it('ends the sessions of before it', async () => {
    const before = new Life('first');
    before.login(1);
    before.login(2);
    await before.look();
    await new Life('second').look();
    equal(ends(), 'reboot,reboot');
    equal(outbox.openSessions.size, 0);
  });

  it('while nobody is in ends nobody who comes later, however often the agent is restarted', async () => {
    await new Life('first').look();
    await new Life('second').look();
    const after = new Life('second');
    after.login(1);
    await after.look();
    const again = new Life('second');
    again.connections = after.connections;
    await again.look();
    await again.look();
    equal(ends(), '');
    equal(outbox.openSessions.size, 1);
  });

  it('ends them also where the agent is killed before the ends are committed', async () => {
    const before = new Life('first');
    before.login(1);
    await before.look();
    const { watch } = new Life('second');
    watch.compare(await watch.read(false));
    equal(ends(), '');
    await new Life('second').look();
    equal(ends(), 'reboot');
  });

  it('of a collector ends none of the sessions of other hosts', async () => {
    const before = new Life('first');
    before.login(1);
    await before.look(true);
    await new Life('second').look(true);
    await new Life('second').look(true);
    equal(ends(), '');
    equal(outbox.openSessions.size, 1);
  });
});

describe('a log that names more hosts than are kept', () => {
  it('ends no session of a host that got the number of one whose sshd is here', async () => {
    const life = new Life('first');
    life.login(1);
    await life.look();
    life.connections = [];
    await life.look();
    await life.look();
    equal(ends(), 'gone');
    life.log(['h0'], 1, 'Failed password for u from 192.0.2.8 port 5 ssh2');
    // Lines without an attempt: the names that they bring make no collector of this host. The last one fills the index.
    const others = Array.from({ length: HOSTS_LIMIT - 2 }, (_, i) => `h${i}`);
    life.log(others, 1, 'Server listening on 0.0.0.0 port 22.');
    // No process has this id, and its connection is at a host of which nothing was confirmed.
    life.log(['elsewhere'], 2 ** 30, 'Accepted password for u from 192.0.2.9 port 5 ssh2');
    for (let i = 0; i < 5; i++) await life.look();
    equal(ends(), 'gone');
    equal(outbox.openSessions.size, 1);
  });
});

describe('a look', () => {
  it('comes every 10 s, also where one took long without doing much, and after the clock was set back', async () => {
    const life = new Life('first');
    const due: boolean[] = [];
    const at = (ms: number): void => {
      life.nowMs = NOW + ms;
      due.push(life.watch.isDue(life.nowMs));
    };
    await life.look();
    at(LOOK_EVERY_MS - 1);
    at(LOOK_EVERY_MS);
    // The machine was suspended meanwhile.
    const { watch } = life;
    const reading = watch.read(false);
    life.nowMs += 3_600_000;
    await reading;
    at(LOOK_EVERY_MS + 3_600_000 + 60_000);
    at(-86_400_000);
    deepEqual(due, [false, true, true, true]);
  });

  it('asks for connections that are read anew at first, and while it has a session or a connection to decide about', async () => {
    const life = new Life('first');
    const looks = async (times: number): Promise<boolean[]> => {
      for (let i = 0; i < times; i++) await life.look();
      return life.whole.splice(0);
    };
    deepEqual(await looks(3), [true, false, false]);
    life.login(1);
    deepEqual(await looks(3), [true, false, false]);
    // A connection that no session explains, until it is over.
    life.connect(2);
    deepEqual(await looks(3), [false, true, true]);
    life.connections.pop();
    deepEqual(await looks(3), [true, false, false]);
    // A session whose connection is missed, until it ends.
    life.connections = [];
    deepEqual(await looks(3), [false, true, false]);
    equal(ends(), 'gone');
  });
});

describe('a process', () => {
  it('is there until it has ended, and not where the log names a number that is none', () => {
    const { pid: ended } = spawnSync('true');
    deepEqual([process.pid, ended, 0, -1, Number.NaN, 2 ** 40].map(isProcess), [true, ...Array(5).fill(false)]);
  });

  it("of root is there for an agent's user from whom /proc hides it, as in the unit of the package", {
    skip: lacking('a /proc that hides processes', { 'root and mount namespaces': works('unshare', '-m', 'true') }),
  }, () => {
    const module = import.meta.resolve('../../alphaclient/session-watch.ts');
    const program = `import { spawnSync } from 'node:child_process';
      import { existsSync } from 'node:fs';
      import { isProcess } from '${module}';
      const { pid: ended } = spawnSync('true');
      process.setgroups([]);
      process.setgid(65534);
      process.setuid(65534);
      console.log(existsSync('/proc/1'), isProcess(1), isProcess(ended));`;
    const script = 'mount -t proc -o hidepid=2 proc /proc; exec "$@"';
    const command = ['sh', '-c', script, 'sh', process.execPath, '--input-type=module', '--eval', program];
    const { stdout, stderr } = spawnSync('unshare', ['-m', ...command], { encoding: 'utf8' });
    equal(stdout, 'false true false\n', stderr);
  });
});
