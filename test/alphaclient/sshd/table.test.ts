/** The table of open connections against a plain list, at random. */

import { equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Connection } from '../../../alphaclient/sshd/connection.ts';
import { Table } from '../../../alphaclient/sshd/table.ts';

const STEPS = 20_000;

/** Numbers below `below`, the same for the same seed (xorshift32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

type Random = (below: number) => number;
const ip = (random: Random): string | null => (random(4) === 0 ? null : `192.0.2.${random(6)}`);
const name = (random: Random): string | null => (random(3) === 0 ? `host${random(4)}` : null);
const user = (random: Random): string | null => (random(3) === 0 ? null : `user${random(4)}`);
const port = (random: Random): number | null => (random(3) === 0 ? null : 1_000 + random(6));

/** The same answers from a list in the order of opening, each by looking at all of it. */
class Model {
  readonly open: Connection[] = [];
  /** Whose pid and whose peer it is: the last that was told so. */
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
    loose: boolean,
  ): Connection | undefined {
    return this.open.findLast((one) => {
      if (one.host !== host || (loose && (one.port !== null || one.pid >= 0))) return false;
      const sameUser = one.user !== null && one.user === of.user;
      const byIp = of.ip !== null && one.ip === of.ip;
      const byName =
        sameUser && one.ip === null && one.hostName !== null && (of.ip !== null || of.hostName === one.hostName);
      if (!byIp && !byName) return false;
      if (one.user !== null && of.user !== null && !sameUser) return false;
      return of.port === null || one.port === null || of.port === one.port;
    });
  }

  helper(of: Connection): Connection | undefined {
    return this.open.find((one) => {
      if (!one.pamOnly || one.host !== of.host || one.pamFailures === 0) return false;
      if (one.user !== null && of.user !== null && one.user !== of.user) return false;
      if ((of.ip !== null && one.ip === of.ip) || (of.hostName !== null && one.hostName === of.hostName)) return true;
      return one.ip === null && one.hostName !== null && one.user !== null && one.user === of.user;
    });
  }
}

function step(random: Random, table: Table, model: Model): void {
  const one = model.open[random(model.open.length + 1)];
  switch (model.open.length > 40 ? 0 : random(4)) {
    case 0:
      if (one === undefined) return;
      table.remove(one);
      model.unindex(one);
      model.open.splice(model.open.indexOf(one), 1);
      return;
    case 1:
      if (one === undefined) return;
      model.unindex(one);
      table.setPeer(one, one.ip ?? ip(random), one.port ?? port(random));
      model.index(one);
      return;
    case 2:
      if (one === undefined) return;
      one.user ??= user(random);
      one.hostName ??= name(random);
      one.pamFailures += random(2);
      one.pamOnly = one.pamOnly && random(5) > 0;
      table.learned(one);
      return;
    default: {
      const fresh = new Connection();
      fresh.host = random(2);
      fresh.pid = random(2) === 0 ? -1 : random(9);
      fresh.ip = ip(random);
      fresh.port = port(random);
      table.add(fresh);
      model.open.push(fresh);
      model.index(fresh);
    }
  }
}

/** Steps at random, and after each the same questions to both. */
function compare(table: Table): void {
  const seed = Math.trunc(Math.random() * 2 ** 31) + 1;
  const random = numbers(seed);
  const model = new Model();
  for (let i = 0; i < STEPS; i++) {
    step(random, table, model);
    const host = random(2);
    const asked = Object.assign(new Connection(), {
      host,
      ip: ip(random),
      port: port(random),
      hostName: name(random),
      user: user(random),
    });
    const pid = random(9);
    const says = `seed ${seed}, step ${i}`;
    equal(table.size, model.open.length, says);
    equal(table.oldest(), model.open[0], says);
    equal(table.byPid(host, pid), model.pids.get(`${host} ${pid}`), says);
    const peer = model.peers.get(`${host} ${asked.ip} ${asked.port}`);
    if (asked.ip !== null && asked.port !== null) equal(table.byPeer(host, asked.ip, asked.port), peer, says);
    equal(table.search(host, asked, false), model.search(host, asked, false), says);
    equal(table.search(host, asked, true), model.search(host, asked, true), says);
    equal(
      table.ofUser(host, `user${i % 4}`),
      model.open.findLast((one) => one.host === host && one.user === `user${i % 4}`),
      says,
    );
    equal(table.helper(asked), model.helper(asked), says);
  }
}

describe('the table of open connections', () => {
  it('finds what a look at all of them finds, however they come, change and go', () => {
    compare(new Table());
  });
});
