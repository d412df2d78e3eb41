/** More sessions than an agent follows, through to a real server: those that are let go stay open there, and are followed no more. */
import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { HOST_SESSION_LIMIT_CONNECTIONS, SESSION_LIMIT_CONNECTIONS } from '../../alphaclient/sshd/connection-table.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';

const [DAY, DAY_AFTER] = ['2026-11-29T00:00:00Z', '2026-11-30T00:00:00Z'];
const BEGUN_MS = Date.parse('2026-11-29T08:00:00Z');
/** Longer than any run is after that day: retention is by the times of sessions. */
const KEPT = { ALPHASERVER_RETENTION: '36500d' };
const LET_GO = 300;
/** Of those that are followed, so many of each log are looked at beside the ones that are not. */
const SEEN_FOLLOWED = 100;
/** A collector's hosts: none has as many sessions as one host may. */
const HOSTS = Math.ceil((SESSION_LIMIT_CONNECTIONS + LET_GO) / (HOST_SESSION_LIMIT_CONNECTIONS - 1));
/** 60,000 logins on a busy machine. */
const LIMIT_MS = 300_000;

interface Session {
  readonly user: string;
  readonly followed: boolean;
  readonly how: string | null;
}

/** Lines about the sessions of one log: of session `n` on the hosts in turn, one each millisecond. */
function lineOf(host: (n: number) => string, n: number, message: string): string {
  const at = new Date(BEGUN_MS + n).toISOString().replace('Z', '+00:00');
  return `${at} ${host(n)} sshd[${2_000 + 2 * n}]: ${message}\n`;
}

const peerOf = (n: number): string => `192.0.2.${1 + (n % 200)} port ${1_024 + n}`;

test('what is let go on a collector and on one host is open on the server, has no end, and gets the one that comes', async (t) => {
  const pair = await Pair.make();
  t.after(() => pair.close());
  let server = await pair.serving(KEPT);
  const collector = { name: 'collector', host: (n: number) => `box${n % HOSTS}`, limit: SESSION_LIMIT_CONNECTIONS };
  const single = { name: 'one', host: () => 'one', limit: HOST_SESSION_LIMIT_CONNECTIONS };
  const logs = [collector, single].map((one) => {
    const log = join(pair.folder, `${one.name}.log`);
    const env = { ALPHACLIENT_LOG: log, ALPHACLIENT_NAME: one.name, ALPHACLIENT_STATE: join(pair.folder, one.name) };
    const user = (n: number): string => `${one.name}-${n}`;
    const login = (n: number): string => lineOf(one.host, n, `Accepted password for ${user(n)} from ${peerOf(n)} ssh2`);
    const logout = (n: number): string => lineOf(one.host, n, `Disconnected from user ${user(n)} ${peerOf(n)}`);
    const count = one.limit + LET_GO;
    writeFileSync(log, Array.from({ length: count }, (_, n) => login(n)).join(''));
    return { ...one, log, env, user, login, logout, count };
  });
  const logins = logs.reduce((sum, { count }) => sum + count, 0);
  const agents = logs.map(({ env }) => pair.agent(env));

  const sessions = async (query: string): Promise<Session[]> =>
    (await pair.api<{ sessions: Session[] }>(`/api/sessions?limit=1000&${query}`)).sessions;
  /** The sessions that began first, some of which are followed. */
  const first = `open=true&until=${new Date(BEGUN_MS + LET_GO + SEEN_FOLLOWED).toISOString()}`;
  /** Waits until the first sessions of each log, and no others, are not followed; none has ended. */
  const areLetGo = async (): Promise<void> => {
    let open: Session[] = [];
    const users = (isFollowed: boolean): string[] =>
      open.filter(({ followed }) => followed === isFollowed).map(({ user }) => user);
    await until(
      async () => {
        const { attempts } = await pair.api<{ attempts: number }>(`/api/summary?since=${DAY}&until=${DAY_AFTER}`);
        if (attempts < logins) return false;
        open = await sessions(first);
        return users(false).length >= LET_GO * logs.length;
      },
      () =>
        `${open.length} open, ${users(false).length} of them not followed; ${agents.map(({ output }) => output).join()}`,
      LIMIT_MS,
    );
    const begun = (from: number, to: number): string[] =>
      logs.flatMap(({ user }) => Array.from({ length: to - from }, (_, i) => user(from + i))).sort();
    assert.deepEqual(users(false).sort(), begun(0, LET_GO));
    assert.deepEqual(users(true).sort(), begun(LET_GO, LET_GO + SEEN_FOLLOWED));
    const last = await sessions('open=true');
    assert.deepEqual([last.length, last.every(({ followed }) => followed)], [1_000, true]);
    assert.deepEqual(await sessions('open=false'), []);
  };

  await areLetGo();
  // Whoever is killed, it stays so.
  for (const agent of agents) await agent.end('SIGKILL');
  await server.end('SIGKILL');
  server = await pair.serving(KEPT);
  for (const { env } of logs) agents.push(pair.agent(env));
  await areLetGo();

  // The first was let go, the last is followed: both end when their line comes.
  for (const { log, logout, count } of logs) appendFileSync(log, logout(0) + logout(count - 1));
  let ended: Session[] = [];
  await until(
    async () => {
      ended = await sessions('open=false');
      return ended.length === 2 * logs.length;
    },
    () => JSON.stringify(ended),
    LIMIT_MS,
  );
  assert.deepEqual(
    ended.map(({ user, how }) => `${user} ${how}`).sort(),
    logs.flatMap(({ user, count }) => [`${user(0)} disconnected`, `${user(count - 1)} disconnected`]).sort(),
  );
  // An expensive result is given again for a while: the first one may be from before the ends.
  const stillOpen = (LET_GO + SEEN_FOLLOWED - 1) * logs.length;
  let length = 0;
  await until(
    async () => {
      length = (await sessions(first)).length;
      return length === stillOpen;
    },
    () => `${length} open, not ${stillOpen}`,
    LIMIT_MS,
  );
});
