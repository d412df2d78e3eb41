/** The table of connections against a plain list, at random, and its bounds. */

import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Connection, isDecided } from '../../../alphaclient/sshd/connection.ts';
import {
  ConnectionTable,
  HOST_SESSION_LIMIT_CONNECTIONS,
  isAny,
  OPEN_LIMIT_CONNECTIONS,
  SESSION_LIMIT_CONNECTIONS,
} from '../../../alphaclient/sshd/connection-table.ts';
import { Chance } from '../../sshd/chance.ts';

const STEPS = 20_000;
const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);

const ip = (chance: Chance): string | null => (chance.below(4) === 0 ? null : `192.0.2.${chance.below(6)}`);
const name = (chance: Chance): string | null => (chance.below(3) === 0 ? `host${chance.below(4)}` : null);
const user = (chance: Chance): string | null => (chance.below(3) === 0 ? null : `user${chance.below(4)}`);
const port = (chance: Chance): number | null => (chance.below(3) === 0 ? null : 1_000 + chance.below(6));

/** Pids so far apart that one may be that of a helper of the other, or not. */
const pidOf = (chance: Chance): number => (chance.below(2) === 0 ? -1 : chance.one([0, 1, 2, 3, 4, 5, 64, 65, 66]));

/** Gives the same answers from a list in the order of opening, each by looking at all of it. */
class Model {
  readonly open: Connection[] = [];
  /** The connection that had a pid or an address and port last. */
  readonly pids = new Map<string, Connection>();
  readonly peers = new Map<string, Connection>();

  index(one: Connection): void {
    if (one.pid >= 0) this.pids.set(`${one.host} ${one.pid}`, one);
    if (one.ip !== null && one.port !== null) this.peers.set(`${one.host} ${one.ip} ${one.port}`, one);
  }

  unindex(one: Connection): void {
    for (const map of [this.pids, this.peers]) for (const [key, other] of map) if (other === one) map.delete(key);
  }

  search(
    host: number,
    of: Pick<Connection, 'ip' | 'hostName' | 'user' | 'port'>,
    isPortless: boolean,
  ): Connection | undefined {
    return this.open.findLast((one) => {
      if (one.host !== host || one.state === 'closed') return false;
      if (isPortless && (one.port !== null || one.pid >= 0)) return false;
      const sameUser = one.user !== null && one.user === of.user;
      const byIp = of.ip !== null && one.ip === of.ip;
      const byName =
        sameUser && one.ip === null && one.hostName !== null && (of.ip !== null || of.hostName === one.hostName);
      if (!byIp && !byName) return false;
      if (one.user !== null && of.user !== null && !sameUser) return false;
      return of.port === null || one.port === null || of.port === one.port;
    });
  }

  ofUser(host: number, user: string): Connection | undefined {
    const all = this.open.filter(
      (one) => one.host === host && one.user === user && one.state !== 'accepted' && one.state !== 'closed',
    );
    return all.findLast(isDecided) ?? all.at(-1);
  }

  helper(of: Connection): Connection | undefined {
    const all = this.open.filter((one) => {
      if (one === of || one.state !== 'unconfirmed' || one.host !== of.host || one.pamFailures === 0) return false;
      if (one.user !== null && of.user !== null && one.user !== of.user) return false;
      if ((of.ip !== null && one.ip === of.ip) || (of.hostName !== null && one.hostName === of.hostName)) return true;
      return one.ip === null && one.hostName !== null && one.user !== null && one.user === of.user;
    });
    const likely = all.filter(
      (one) => (one.user !== null && one.user === of.user) || (one.user === null && of.invalidUser === true),
    );
    return likely.find((one) => of.pid >= 0 && one.pid > of.pid && one.pid <= of.pid + 64) ?? likely[0] ?? all[0];
  }
}

function step(chance: Chance, table: ConnectionTable, model: Model): void {
  const one = model.open[chance.below(model.open.length + 1)];
  switch (model.open.length > 40 ? 0 : chance.below(6)) {
    case 0:
      if (one === undefined) return;
      table.remove(one);
      model.unindex(one);
      model.open.splice(model.open.indexOf(one), 1);
      return;
    case 1:
      if (one === undefined) return;
      model.unindex(one);
      table.setPeer(one, one.ip ?? ip(chance), one.port ?? port(chance));
      model.index(one);
      return;
    case 2:
      if (one === undefined) return;
      table.setClient(one, one.hostName ?? name(chance), one.user ?? user(chance));
      one.pamFailures += chance.below(2);
      if (one.state === 'unconfirmed' && chance.below(5) === 0) one.state = chance.one(['open', 'failed', 'closed']);
      return;
    case 3:
      if (one === undefined || one.state === 'closed' || chance.below(4) > 0) return;
      one.state = 'accepted';
      table.promote(one);
      return;
    case 4:
      if (one === undefined || one.isSession) return;
      table.renew(one);
      model.unindex(one);
      model.open.push(...model.open.splice(model.open.indexOf(one), 1));
      model.index(one);
      return;
    default: {
      const fresh = new Connection();
      fresh.host = chance.below(2);
      fresh.pid = pidOf(chance);
      fresh.ip = ip(chance);
      fresh.port = port(chance);
      table.add(fresh);
      model.open.push(fresh);
      model.index(fresh);
    }
  }
}

describe('the table of connections', () => {
  it(`finds what a look at all of them finds, however they come, change and go (SEED=${SEED})`, () => {
    const chance = new Chance(SEED);
    const table = new ConnectionTable();
    const model = new Model();
    for (let i = 0; i < STEPS; i++) {
      step(chance, table, model);
      const host = chance.below(2);
      const asked = Object.assign(new Connection(), {
        host,
        ip: ip(chance),
        port: port(chance),
        hostName: name(chance),
        user: user(chance),
        pid: pidOf(chance),
        invalidUser: chance.one([true, false, null]),
      });
      const pid = chance.one([0, 1, 2, 3, 4, 5, 64, 65, 66]);
      const name4 = `user${i % 4}`;
      const where = `SEED=${SEED}, step ${i}`;
      const sessions = model.open.filter(({ state }) => state === 'accepted').length;
      equal(table.size, model.open.length - sessions, where);
      equal(table.sessions, sessions, where);
      equal(
        [...table][0],
        model.open.find(({ state }) => state !== 'accepted'),
        where,
      );
      equal(table.byPid(host, pid), model.pids.get(`${host} ${pid}`), where);
      const peer = model.peers.get(`${host} ${asked.ip} ${asked.port}`);
      if (asked.ip !== null && asked.port !== null) equal(table.byPeer(host, asked.ip, asked.port), peer, where);
      equal(table.search(host, asked, isAny), model.search(host, asked, false), where);
      equal(table.searchPortless(host, asked, isAny), model.search(host, asked, true), where);
      equal(table.ofUser(host, name4), model.ofUser(host, name4), where);
      const known = model.open[chance.below(model.open.length + 1)] ?? asked;
      for (const one of [asked, known]) equal(table.pamHelper(one, false), model.helper(one), where);
    }
  });

  const opened = (pid: number, host = 1): Connection => Object.assign(new Connection(), { host, pid, state: 'open' });

  it('gives the oldest connection before a login to be closed when there are too many', () => {
    const table = new ConnectionTable();
    const all = Array.from({ length: OPEN_LIMIT_CONNECTIONS + 1 }, (_, i) => opened(i));
    const oldest = all.map((one) => table.add(one));
    deepEqual([oldest.slice(0, -1).every((one) => one === null), oldest.at(-1) === all[0]], [true, true]);
  });

  it('keeps sessions through any number of connections before a login, and evicts the oldest of too many', () => {
    const table = new ConnectionTable();
    const evicted: number[] = [];
    const login = (pid: number, host = 1 + (pid % 10)): Connection => {
      const session = opened(pid, host);
      table.add(session);
      session.state = 'accepted';
      const one = table.promote(session);
      if (one !== null) evicted.push(one.session);
      return session;
    };
    const first = login(0);
    for (let i = 1; i <= OPEN_LIMIT_CONNECTIONS * 2; i++) {
      const oldest = table.add(opened(100_000 + i));
      if (oldest !== null) table.remove(oldest);
    }
    equal(table.byPid(1, 0), first);
    for (let i = 1; i < SESSION_LIMIT_CONNECTIONS; i++) login(i);
    equal(table.byPid(1, 0), first);
    login(SESSION_LIMIT_CONNECTIONS);
    equal(table.byPid(1, 0), undefined);
    equal(table.byPid(2, 1)?.pid, 1);
    deepEqual([table.size, table.sessions], [OPEN_LIMIT_CONNECTIONS, SESSION_LIMIT_CONNECTIONS]);
    deepEqual(evicted, [1]);
  });

  it('evicts the oldest session of a host that has too many, and none of another', () => {
    const table = new ConnectionTable();
    const login = (pid: number, host: number): Connection | null => {
      const session = opened(pid, host);
      table.add(session);
      session.state = 'accepted';
      return table.promote(session);
    };
    login(1, 2);
    for (let i = 0; i < HOST_SESSION_LIMIT_CONNECTIONS; i++) equal(login(10 + i, 1), null);
    equal(login(9, 1)?.pid, 10);
    equal(table.byPid(2, 1)?.pid, 1);
    equal(table.sessions, HOST_SESSION_LIMIT_CONNECTIONS + 1);
  });
});
