/** Sessions in the log against the kernel's connections, in simulated time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KernelConnection } from '../../../alphaclient/kernel/connections.ts';
import {
  type CheckSettings,
  CONFIRMED_HOSTS_LIMIT,
  type LogView,
  SessionCheck,
} from '../../../alphaclient/kernel/session-check.ts';
import { Connection } from '../../../alphaclient/sshd/connection.ts';
import { UNEXPLAINED_PER_PING } from '../../../protocol/session.ts';
import { Chance } from '../../sshd/chance.ts';

const START = Date.parse('2026-11-29T08:00:00Z');
const LOOK_MS = 10_000;
const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);

const there = (port: number, more: Partial<KernelConnection> = {}): KernelConnection => ({
  ip: '192.0.2.10',
  port,
  localPort: 22,
  isEstablished: true,
  ...more,
});
const logged = (port: number, more: Partial<Connection> = {}): Connection =>
  Object.assign(new Connection(), {
    ip: '192.0.2.10',
    port,
    state: 'accepted',
    session: port,
    sinceMs: START,
    ...more,
  });
const tried = (port: number): Connection => logged(port, { state: 'failed', session: 0 });

/** A check that looks every 10 s, with what the kernel and the log have meanwhile. */
class Simulation {
  readonly check: SessionCheck;
  kernel: KernelConnection[] = [];
  sessions: Connection[] = [];
  beforeLogin: Connection[] = [];
  view: Partial<LogView> = {};
  ended: [session: number, how: string, atSeconds: number][] = [];
  nowMs = START;
  /** The names of hosts by their numbers, as the log's reader has them. */
  names: (string | null)[] = [null, 'web', 'db'];

  constructor(settings: Partial<CheckSettings> = {}, before: unknown = []) {
    this.check = new SessionCheck(
      { ports: null, loginGraceSeconds: 120, ...settings },
      before,
      (host) => this.names[host] ?? null,
    );
  }

  look(times = 1): this {
    for (let i = 0; i < times; i++) {
      this.nowMs += LOOK_MS;
      const { sessions, beforeLogin } = this;
      const quiet = { ports: [], listenerMs: Number.NaN, isProcess: () => false };
      const log: LogView = { sessions, beforeLogin, ...quiet, ...this.view };
      const { ended } = this.check.look(this.kernel, log, this.nowMs);
      for (const { session, how, ms } of ended) {
        this.ended.push([session, how, (ms - START) / 1_000]);
        this.sessions = this.sessions.filter((one) => one.session !== session);
      }
    }
    return this;
  }

  get unexplained(): readonly number[] {
    return this.check.report().unexplained.map(({ port }) => port);
  }
}

describe('a session', () => {
  it('is confirmed by a connection of its peer, whatever port of ours it came to, and gone when it is missed twice', () => {
    const one = new Simulation();
    one.sessions = [logged(1), logged(2), logged(3, { ip: '::ffff:192.0.2.10' })];
    one.kernel = [there(1, { localPort: 2_222 }), there(3)];
    one.look();
    assert.deepEqual(
      one.sessions.map(({ isConfirmed }) => isConfirmed),
      [true, false, true],
    );
    one.kernel = [there(3)];
    one.look();
    assert.deepEqual(one.ended, []);
    one.look();
    assert.deepEqual(one.ended, [[1, 'gone', 20]]);
    assert.equal(one.sessions.length, 2);
  });

  it('whose connection is being closed is there still', () => {
    const one = new Simulation();
    one.sessions = [logged(1)];
    one.kernel = [there(1)];
    one.look();
    one.kernel = [there(1, { isEstablished: false })];
    one.look(5);
    assert.deepEqual(one.ended, []);
  });

  it('that a restart of sshd took away is gone because of that', () => {
    const one = new Simulation();
    one.sessions = [logged(1)];
    one.kernel = [there(1)];
    one.look();
    one.kernel = [];
    one.view = { listenerMs: START + 12_000 };
    one.look(2);
    assert.deepEqual(one.ended, [[1, 'sshd-restart', 20]]);
  });

  it('that no connection was ever seen of does not end: it is of another namespace, which the report says', () => {
    const one = new Simulation();
    one.sessions = [logged(1), logged(2)];
    one.kernel = [there(9)];
    one.look(100);
    assert.deepEqual(one.ended, []);
    assert.deepEqual(one.check.report(), { confirmedMs: null, blind: 'other namespace', unexplained: [] });
  });

  it('is not compared where that is off, and the report says so', () => {
    const one = new Simulation();
    one.kernel = [there(9)];
    one.look(100);
    one.check.cannotLook('off');
    assert.deepEqual(one.check.report(), { confirmedMs: null, blind: 'off', unexplained: [] });
  });
});

describe('a session that was over before the kernel was asked', () => {
  /** Another session of the same host is there. */
  const begun = (one = new Simulation()): Simulation => {
    one.sessions = [logged(1)];
    one.kernel = [there(1)];
    return one.look();
  };

  it('is gone in two looks, where sshd is seen to be in this network namespace', () => {
    const one = begun();
    one.sessions.push(logged(2));
    one.look(3);
    assert.deepEqual(one.ended, [[2, 'gone', 20]]);
  });

  it('is gone, too, where it began and ended before the first look of all, and its process is not there', () => {
    const one = new Simulation();
    one.sessions = [logged(1, { pid: 4_700 }), logged(2, { pid: 4_711 }), logged(3, { pid: 4_712 })];
    one.kernel = [there(1)];
    one.view = { isProcess: (pid) => pid === 4_711 };
    one.look(20);
    assert.deepEqual(one.ended, [[3, 'gone', 10]]);
  });

  it('is not, where its process is there, where it is of another host, or where it began before the first look of all and has no pid', () => {
    const one = new Simulation();
    one.sessions = [logged(1), logged(2)];
    one.kernel = [there(1)];
    one.look();
    one.sessions.push(logged(3, { host: 2 }), logged(4, { pid: 4_711 }));
    one.view = { isProcess: (pid) => pid === 4_711 };
    one.look(20);
    assert.deepEqual(one.ended, []);
    one.view = {};
    one.look();
    assert.deepEqual(one.ended, [[4, 'gone', 20]]);
  });

  it('is not, where its host got the number of one of which a session was confirmed, also after a restart', () => {
    const one = new Simulation();
    one.sessions = [logged(1, { host: 1 })];
    one.kernel = [there(1)];
    one.look();
    one.kernel = [];
    one.look(2);
    const restarted = new Simulation({}, JSON.parse(JSON.stringify(one.check.save())));
    for (const each of [one, restarted]) {
      each.names = [null, 'another'];
      each.sessions = [logged(2, { host: 1, pid: 4_711 })];
      assert.deepEqual(each.look(20).ended.slice(-1), each === one ? [[1, 'gone', 20]] : []);
      // The host that had the number is still known by its name.
      each.names = [null, 'another', 'web'];
      each.sessions.push(logged(3, { host: 2, pid: 4_712 }));
      assert.equal(each.look(2).ended.at(-1)?.[0], 3);
    }
  });

  it('is gone, too, where the version before saved the numbers of hosts', () => {
    const saved = { peers: [], ports: [22], hosts: [0, 1], firstSession: 1, lastSession: 1 };
    const one = new Simulation({}, saved);
    const ids = { pid: 4_711 };
    one.sessions = [logged(1, { host: 1, ...ids }), logged(2, ids), logged(3, { host: 2, ...ids })];
    one.look(2);
    assert.deepEqual(
      one.ended.map(([session]) => session),
      [1, 2],
    );
    assert.deepEqual(one.check.save().hosts, ['', 'web']);
    // The log's reader knows the second number no more.
    assert.deepEqual(new Simulation({}, { ...saved, hosts: [1, 7] }).check.save().hosts, ['web']);
  });

  it('counts for its host as long as no CONFIRMED_HOSTS_LIMIT others were confirmed after it', () => {
    const one = new Simulation();
    one.names = Array.from({ length: CONFIRMED_HOSTS_LIMIT + 2 }, (_, i) => `h${i}`);
    const last = CONFIRMED_HOSTS_LIMIT + 1;
    // The first one is confirmed again before the last.
    for (const host of [...Array.from({ length: CONFIRMED_HOSTS_LIMIT }, (_, i) => i + 1), 1, last]) {
      one.sessions = [logged(host, { host })];
      one.kernel = [there(host)];
      one.look();
    }
    assert.deepEqual(one.check.save().hosts, [...one.names.slice(3, last), 'h1', `h${last}`]);
  });

  it('is gone, too, where it began and ended while the agent was down', () => {
    const first = begun();
    const second = new Simulation({}, JSON.parse(JSON.stringify(first.check.save())));
    second.kernel = first.kernel;
    second.sessions = [logged(1, { isConfirmed: true }), logged(2)];
    second.look(2);
    assert.deepEqual(
      second.ended.map(([session, how]) => [session, how]),
      [[2, 'gone']],
    );
    // The version before kept the peers alone.
    const upgraded = new Simulation({}, first.check.save().peers);
    upgraded.sessions = second.sessions = [logged(1, { isConfirmed: true }), logged(2)];
    upgraded.kernel = first.kernel;
    assert.deepEqual(upgraded.look(20).ended, []);
  });

  it('is open as long as nothing shows where its sshd is, and gone when another session does', () => {
    const one = new Simulation();
    one.look();
    one.sessions = [logged(2)];
    one.look(20);
    assert.equal(one.check.report().blind, 'other namespace');
    assert.deepEqual(one.ended, []);
    one.sessions.push(logged(3));
    one.kernel = [there(3)];
    one.look(2);
    assert.deepEqual(one.ended, [[2, 'gone', 20]]);
    assert.equal(one.check.report().blind, null);
  });
});

describe('a port that a client uses for several connections', () => {
  const elsewhere = { localPort: 443 };

  it('does not confirm a session by a connection to another service, nor makes that one a port of sshd', () => {
    const one = new Simulation();
    one.sessions = [logged(1)];
    one.kernel = [there(1, { localPort: 2_222 })];
    one.look();
    // The session of port 5 is over, and no line says so: its client's port is used for another connection later.
    one.sessions.push(logged(5));
    one.view = { isProcess: () => true };
    one.look(2);
    one.kernel.push(there(5, elsewhere), there(6, elsewhere));
    one.look(30);
    assert.deepEqual(one.unexplained, []);
  });

  it('teaches no port to an agent that is started again, beside a session that is over', () => {
    const first = new Simulation();
    first.look();
    const second = new Simulation({}, JSON.parse(JSON.stringify(first.check.save())));
    second.sessions = [logged(5)];
    second.view = { isProcess: () => true };
    second.look(2);
    const third = new Simulation({}, JSON.parse(JSON.stringify(second.check.save())));
    third.sessions = second.sessions;
    third.kernel = [there(5, elsewhere), there(6, elsewhere)];
    third.look();
    assert.deepEqual(third.check.save().ports, []);
  });

  it('teaches none by sessions that are over, where a port of sshd is known; they are gone when it is free again', () => {
    const one = new Simulation();
    one.view = { ports: [22] };
    one.sessions = [logged(1)];
    one.kernel = [there(1)];
    one.look();
    for (const port of [2, 3, 4, 5]) {
      one.sessions.push(logged(port));
      one.kernel.push(there(port, elsewhere));
      one.look(2);
    }
    assert.deepEqual([one.look(30).unexplained, one.ended], [[], []]);
    assert.deepEqual(
      one.sessions.map(({ isConfirmed }) => isConfirmed),
      [true, false, false, false, false],
    );
    one.kernel = [there(1)];
    one.look(2);
    assert.deepEqual(
      one.ended.map(([session, how]) => [session, how]),
      [2, 3, 4, 5].map((session) => [session, 'gone']),
    );
  });

  it('is of sshd, too, once five sessions came to it: they are confirmed, and others there are looked for', () => {
    const one = new Simulation();
    one.view = { ports: [22] };
    one.look();
    for (const port of [1, 2, 3, 4, 5]) {
      one.sessions.push(logged(port));
      one.kernel.push(there(port, { localPort: 2_222 }));
      one.look();
    }
    one.look();
    assert.ok(one.sessions.every(({ isConfirmed }) => isConfirmed));
    one.kernel.push(there(9, { localPort: 2_222 }));
    assert.deepEqual(one.look(30).unexplained, [9]);
  });

  it('is forgotten where sessions came to too many of them', () => {
    const one = new Simulation();
    one.view = { ports: [22] };
    one.look();
    let sessions = 0;
    /** A session comes to a port, and is over after a look. */
    const comeTo = (localPort: number): void => {
      sessions += 1;
      one.sessions = [logged(sessions)];
      one.kernel = [there(sessions, { localPort })];
      one.look();
    };
    for (let i = 0; i < 4; i++) comeTo(7_000);
    for (let i = 1; i <= 16; i++) comeTo(7_000 + i);
    comeTo(7_000);
    one.sessions = [];
    one.kernel = [there(99, { localPort: 7_000 })];
    assert.deepEqual(one.look(30).unexplained, []);
    for (let i = 0; i < 4; i++) comeTo(7_000);
    one.sessions = [];
    one.kernel = [there(99, { localPort: 7_000 })];
    assert.deepEqual(one.look(30).unexplained, [99]);
  });

  it('keeps no session open by a connection to another service that has its client’s port later', () => {
    const one = new Simulation();
    one.sessions = [logged(1)];
    one.kernel = [there(1)];
    one.look();
    one.kernel = [there(1, elsewhere)];
    one.look(2);
    assert.deepEqual(one.ended, [[1, 'gone', 20]]);
  });

  it('confirms the session by its own connection, whichever the kernel names first', () => {
    for (const kernel of [
      [there(1), there(1, elsewhere)],
      [there(1, elsewhere), there(1)],
    ]) {
      const one = new Simulation();
      one.look();
      one.sessions = [logged(1)];
      one.kernel = [...kernel, there(9, elsewhere)];
      one.look(30);
      assert.deepEqual(
        one.sessions.map(({ isConfirmed }) => isConfirmed),
        [true],
      );
      assert.deepEqual(one.unexplained, []);
    }
  });
});

describe('a connection to sshd that no login explains', () => {
  it('is reported once it is older than the grace time and a minute', () => {
    const one = new Simulation();
    one.look();
    one.kernel = [there(9)];
    one.look(18);
    assert.deepEqual(one.unexplained, []);
    one.look();
    assert.deepEqual(one.check.report().unexplained, [
      { ip: '192.0.2.10', port: 9, since: new Date(START + 2 * LOOK_MS).toISOString() },
    ]);
    one.sessions = [logged(9)];
    one.look();
    assert.deepEqual(one.unexplained, [], 'its line came late');
  });

  it('is none because the machine was suspended, or had no time for sshd', () => {
    const one = new Simulation();
    one.look();
    one.kernel = [there(9)];
    one.look();
    one.nowMs += 3_600_000;
    one.look(11);
    assert.deepEqual(one.unexplained, []);
    for (let i = 0; i < 3; i += 1) {
      one.nowMs += 60_000;
      one.look();
    }
    assert.deepEqual(one.unexplained, []);
    assert.deepEqual(one.look(2).unexplained, [9]);
  });

  it('waits for the grace time that is set', () => {
    const one = new Simulation({ loginGraceSeconds: 600 });
    one.kernel = [there(9)];
    one.look(66);
    assert.deepEqual(one.unexplained, []);
    assert.deepEqual(one.look().unexplained, [9]);
  });

  it('is none while a line shows it before its login, nor where it was there before the first look of all', () => {
    const first = new Simulation({}, null);
    first.kernel = [there(1)];
    first.look();
    first.kernel = [there(1), there(2), there(3)];
    first.beforeLogin = [tried(2)];
    first.look(30);
    assert.deepEqual(first.unexplained, [3]);
    // A restart of the agent changes nothing of it.
    const second = new Simulation({}, JSON.parse(JSON.stringify(first.check.save())));
    second.kernel = first.kernel;
    second.look(30);
    assert.deepEqual(second.unexplained, [2, 3]);
    // What took the port of one that was there before is another one.
    second.kernel = [];
    second.look();
    second.kernel = [there(1)];
    assert.deepEqual(second.look(30).unexplained, [1]);
  });

  it('is one of a port of sshd: set, named by the log, come to by a session, else 22', () => {
    const ports = (
      settings: Partial<CheckSettings>,
      view: Partial<LogView>,
      session?: KernelConnection,
    ): readonly number[] => {
      const one = new Simulation(settings);
      one.view = view;
      if (session) one.sessions = [logged(session.port)];
      one.kernel = [
        there(1),
        there(2, { localPort: 2_222 }),
        there(3, { localPort: 443 }),
        ...(session ? [session] : []),
      ];
      return one.look(30).unexplained;
    };
    assert.deepEqual(ports({}, {}), [1]);
    assert.deepEqual(ports({ ports: [443] }, { ports: [22] }), [3]);
    assert.deepEqual(ports({}, { ports: [2_222] }), [2]);
    assert.deepEqual(ports({}, {}, there(8, { localPort: 2_222 })), [2]);
  });

  it('is established, and not one of too many or of one whose session has no address', () => {
    const one = new Simulation();
    one.kernel = [there(1, { isEstablished: false })];
    assert.deepEqual(one.look(30).unexplained, []);
    const many = new Simulation();
    many.kernel = Array.from({ length: UNEXPLAINED_PER_PING + 1 }, (_, i) => there(i + 1));
    assert.equal(many.look(30).unexplained.length, UNEXPLAINED_PER_PING);
    const unnamed = new Simulation();
    unnamed.sessions = [logged(7), logged(5, { ip: null, hostName: 'client.example' })];
    unnamed.kernel = [there(7), there(8)];
    assert.deepEqual(unnamed.look(30).unexplained, []);
  });

  it(`is never one of a stranger who is slow, silent or half authenticated, over a day (SEED=${SEED})`, () => {
    const chance = new Chance(SEED);
    const one = new Simulation({}, null);
    interface Client {
      readonly port: number;
      readonly untilMs: number;
      readonly loginMs: number;
      readonly loggedMs: number;
    }
    let clients: Client[] = [];
    let port = 1_000;
    for (let step = 0; step < (24 * 3_600_000) / LOOK_MS; step++) {
      const nowMs = one.nowMs + LOOK_MS;
      for (let i = chance.below(4); i > 0; i--) {
        port = 1_000 + ((port + 1) % 60_000);
        const begunMs = nowMs - chance.below(LOOK_MS);
        const logsIn = chance.below(3) === 0;
        const loginMs = logsIn ? begunMs + chance.below(120_000) : Number.POSITIVE_INFINITY;
        // sshd ends what has not logged in after 120 s; a busy machine takes some seconds more.
        const untilMs = logsIn ? loginMs + chance.below(3_600_000) : begunMs + chance.below(130_000);
        // The line of a login is written when it happens, and read within a moment, or after a stall of the log.
        clients.push({
          port,
          untilMs,
          loginMs,
          loggedMs: loginMs + chance.below(chance.below(50) === 0 ? 40_000 : 900),
        });
      }
      clients = clients.filter((client) => client.untilMs > nowMs);
      one.kernel = clients.map((client) => there(client.port));
      one.sessions = clients.filter((client) => client.loggedMs <= nowMs).map((client) => logged(client.port));
      one.beforeLogin = clients
        .filter((client) => client.loginMs > nowMs && client.port % 3 === 0)
        .map((client) => tried(client.port));
      one.look();
      assert.deepEqual(one.unexplained, [], `SEED=${SEED}, step ${step}`);
    }
  });
});
