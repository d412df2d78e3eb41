/** Everything that comes to an sshd: strangers of every patience, logins of every kind, and what befalls their processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../demo/random.ts';
import { childrenOf, descendantsOf, stopped } from '../e2e/sshd.ts';
import type { Door } from './door.ts';

/** A stranger who stays as long as sshd lets it, and a minute more. */
const PATIENCE_MS = 120_000;
/** Clients of ssh that run at once: more take longer to log in than sshd waits, on a small machine. */
const CLIENTS_LIMIT = 40;

/** Holds what visitors share: their processes and sockets, which end with it. */
export class Crowd {
  readonly random: Random;
  readonly #folder: string;
  readonly #askPass: string;
  readonly #clients = new Set<ChildProcess>();
  readonly #sockets = new Set<Socket>();

  constructor(random: Random, folder: string) {
    this.random = random;
    this.#folder = folder;
    this.#askPass = join(folder, 'ask');
    writeFileSync(this.#askPass, '#!/bin/sh\nexec sleep 600\n', { mode: 0o700 });
  }

  /** Runs an ssh; null where enough of them run. */
  ssh(args: readonly string[], env: Record<string, string> = {}): ChildProcess | null {
    if (this.#clients.size >= CLIENTS_LIMIT) return null;
    const client = spawn('ssh', args, { stdio: 'ignore', env: { ...process.env, ...env }, cwd: this.#folder });
    this.#clients.add(client);
    client.once('close', () => this.#clients.delete(client));
    return client;
  }

  login(door: Door, command: string, ...more: string[]): ChildProcess | null {
    return this.ssh([...more, ...door.sshd.login, door.sshd.address, command]);
  }

  /** Waits for an answer to sshd's question for a password that never comes. */
  halfAuthenticated(door: Door): boolean {
    const password = ['PubkeyAuthentication=no', 'PasswordAuthentication=yes', 'BatchMode=no'].flatMap((one) => [
      '-o',
      one,
    ]);
    const env = { SSH_ASKPASS: this.#askPass, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':9' };
    const client = this.ssh([...password, ...door.sshd.login, door.sshd.address], env);
    // It would wait for its helper after sshd has closed the connection.
    if (client) setTimeout(() => client.kill('SIGKILL'), PATIENCE_MS).unref();
    return client !== null;
  }

  /** A connection that is not of ssh: `pieces` are written a second apart. It stays until sshd ends it. */
  stranger(door: Door, pieces: readonly string[], path?: string): Socket {
    const socket = path === undefined ? connect(door.sshd.port, door.sshd.address) : connect(path);
    this.#sockets.add(socket);
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
    void (async () => {
      for (const piece of pieces) {
        if (socket.destroyed) return;
        socket.write(piece);
        await pause(1_000, undefined, { ref: false });
      }
    })();
    return socket;
  }

  /** A path for a socket of ssh's own. */
  path(): string {
    return join(this.#folder, randomUUID().slice(0, 8));
  }

  /** Ends all visitors but those clients. */
  async leave(stay: ReadonlySet<ChildProcess>): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const client of this.#clients) if (!stay.has(client)) client.kill('SIGKILL');
  }
}

/** Comes to a door; false where it cannot now. */
export type Visitor = (crowd: Crowd, door: Door) => boolean | Promise<boolean>;

const BANNER = 'SSH-2.0-OpenSSH_9.9\r\n';
const later = (crowd: Crowd, highMs: number, deed: () => void): void =>
  void setTimeout(deed, crowd.random.whole(0, highMs)).unref();
const seconds = ({ random }: Crowd): string => `sleep ${random.whole(2, 150)}`;

/** The visitors. */
export const VISITORS: Readonly<Record<string, Visitor>> = {
  'a silent stranger': (crowd, door) => Boolean(crowd.stranger(door, [])),
  'a stranger with a banner alone': (crowd, door) => Boolean(crowd.stranger(door, [BANNER])),
  'a slow stranger': (crowd, door) => Boolean(crowd.stranger(door, [...BANNER])),
  'a stranger who stops in the middle': (crowd, door) =>
    Boolean(crowd.stranger(door, [BANNER.slice(0, crowd.random.whole(1, 18))])),
  'a stranger who speaks another language': (crowd, door) => Boolean(crowd.stranger(door, ['GET / HTTP/1.1\r\n\r\n'])),
  'a stranger who leaves at once': (crowd, door) => {
    const socket = crowd.stranger(door, []);
    socket.once('connect', () => (crowd.random.chance(0.5) ? socket.destroy() : socket.resetAndDestroy()));
    return true;
  },
  'a crowd of strangers, more than MaxStartups lets in': (crowd, door) => {
    for (let i = 0; i < 25; i += 1) crowd.stranger(door, crowd.random.pick([[], [BANNER], [...BANNER]]));
    return true;
  },
  'a client that waits at the password': (crowd, door) => crowd.halfAuthenticated(door),
  'a client with a wrong key': (crowd, door) =>
    crowd.login(
      door,
      'true',
      '-o',
      'IdentityFile=none',
      '-l',
      crowd.random.pick(['root', 'nobody', 'no-such-user']),
    ) !== null,
  'a short login': (crowd, door) => crowd.login(door, 'true') !== null,
  'a long login': (crowd, door) => crowd.login(door, seconds(crowd)) !== null,
  'many logins at once': (crowd, door) => {
    for (let i = 0; i < 8; i += 1) crowd.login(door, 'true');
    return true;
  },
  'a login whose client is killed': (crowd, door) => {
    const client = crowd.login(door, seconds(crowd));
    later(crowd, 40_000, () => client?.kill('SIGKILL'));
    return client !== null;
  },
  'a login whose client stops for a while': (crowd, door) => {
    const client = crowd.login(door, seconds(crowd));
    later(crowd, 20_000, () => client?.kill('SIGSTOP'));
    if (client) setTimeout(() => client.kill('SIGCONT'), 80_000).unref();
    return client !== null;
  },
  'a shared connection': (crowd, door) => {
    const control = crowd.path();
    const master = crowd.login(door, 'true', '-M', '-S', control, '-N');
    if (master === null) return false;
    for (let i = crowd.random.whole(1, 4); i > 0; i -= 1)
      later(crowd, 20_000, () => crowd.ssh(['-S', control, door.sshd.address, seconds(crowd)]));
    setTimeout(() => master.kill(), crowd.random.whole(10_000, 120_000)).unref();
    return true;
  },
  'a forwarded port, and a stranger who comes through it': (crowd, door) => {
    const forward = crowd.path();
    const to = `${door.sshd.address}:${door.sshd.port}`;
    const client = crowd.login(door, 'true', '-N', '-L', `${forward}:${to}`);
    if (client === null) return false;
    setTimeout(() => crowd.stranger(door, [], forward), 5_000).unref();
    setTimeout(() => client.kill(), crowd.random.whole(10_000, 120_000)).unref();
    return true;
  },
  'a process of sshd that is killed': async (crowd, door) => {
    const children = childrenOf(door.sshd.pid);
    const [one] = children.length === 0 ? [] : [crowd.random.pick(children as [number, ...number[]])];
    // Never the monitor alone: what it leaves behind before a login, nothing ends. It must start nobody meanwhile.
    if (one === undefined || !(await stopped(one))) return false;
    const others = descendantsOf(one);
    for (const pid of others.length > 0 && crowd.random.chance(0.5) ? others : [...others, one])
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    try {
      process.kill(one, 'SIGCONT');
    } catch {
      // It was killed.
    }
    return true;
  },
};
