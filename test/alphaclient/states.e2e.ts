/** Every state of an agent, in real processes: what it reports to the server, and that an agent that is not looking is never shown as one with a quiet log. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, rmdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, test } from 'node:test';
import { status } from '../../alphaclient/commands/status.ts';
import { type Heartbeat, HeartbeatWriter, lastHeartbeat, writeHeartbeat } from '../../alphaclient/heartbeat.ts';
import { Outbox } from '../../alphaclient/outbox/outbox.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';

let pair: Pair;
beforeEach(async () => {
  pair = await Pair.make();
});
afterEach(() => pair.close());

interface Reported {
  readonly connected: boolean;
  readonly state: string;
}

/** Waits until hosts, ledger and `status` all have this state. */
async function reports(state: string | RegExp): Promise<void> {
  const fits = (one: string) => (typeof state === 'string' ? one === state : state.test(one));
  let seen = '';
  await until(
    async () => {
      const { hosts } = await pair.api<{ hosts: Reported[] }>('/api/hosts');
      const { agents } = await pair.api<{ agents: Reported[] }>('/api/ledger');
      seen = JSON.stringify([hosts[0]?.state, agents[0]?.state]);
      return fits(hosts[0]?.state ?? '') && fits(agents[0]?.state ?? '') && hosts[0]?.connected === true;
    },
    () => `${state}, got ${seen}`,
  );
  await until(async () => {
    const status = JSON.parse((await pair.command('status', '--json')).output) as Reported & { behindBytes: number };
    return fits(status.state) || (status.state === 'behind' && fits(`behind by ${status.behindBytes} bytes`));
  });
}

const line = (i: number): string => `Failed password for u${i} from 192.0.2.7 port ${1_024 + (i % 60_000)} ssh2\r\n`;

test('log missing, caught up, log unreadable, log quiet', async () => {
  await pair.serving();
  const agent = pair.agent();
  await reports('log missing');
  writeFileSync(pair.logFile, line(1));
  await reports('caught up');
  rmSync(pair.logFile);
  mkdirSync(pair.logFile);
  await reports('log unreadable');
  await agent.says('cannot be read');
  rmdirSync(pair.logFile);
  writeFileSync(pair.logFile, line(2));
  await reports('caught up');
  await agent.end('SIGTERM');
  // Nothing was written for more than a day: watched, and nothing to see.
  const before = new Date(Date.now() - 25 * 3_600_000);
  utimesSync(pair.logFile, before, before);
  pair.agent();
  await reports('log quiet');
  const { totals } = await pair.api<{ totals: { states: Record<string, number> } }>('/api/ledger');
  assert.deepEqual(
    Object.entries(totals.states).filter(([, n]) => n > 0),
    [['log quiet', 1]],
  );
});

test('status prints the states as text', (t) => {
  const outbox = new Outbox(pair.folder);
  t.after(() => outbox.close());
  const state = (one: Pick<Heartbeat, 'state' | 'behindBytes'>) => {
    let output = '';
    writeHeartbeat(pair.folder, { pid: 1, atMs: 1_000, connected: true, ...one });
    status(pair.folder, false, 1_000, { out: (text) => (output += text), error: (text) => assert.fail(text) });
    return /^state\s+(.*)$/m.exec(output)?.[1];
  };
  assert.equal(state({ state: 'behind', behindBytes: 5_000 }), 'behind by 5000 bytes, connected');
  assert.equal(state({ state: 'outbox full', behindBytes: 7 }), 'outbox full, behind by 7 bytes, connected');
  assert.equal(state({ state: 'log quiet', behindBytes: 0 }), 'log quiet, connected');
});

test('a heartbeat that says something new is written at once, another one within a share of its limit', () => {
  const writer = new HeartbeatWriter(pair.folder);
  const same: Omit<Heartbeat, 'atMs'> = { pid: 1, state: 'caught up', behindBytes: 0, connected: true };
  const written = (atMs: number, more: Partial<Heartbeat> = {}): number | undefined => {
    writer.write({ ...same, ...more, atMs });
    return lastHeartbeat(pair.folder)?.atMs;
  };
  assert.equal(written(0), 0);
  assert.equal(written(1_000), 0);
  assert.equal(written(2_000), 2_000);
  assert.equal(written(3_000, { connected: false }), 3_000);
  assert.equal(written(4_000, { connected: false, state: 'behind', behindBytes: 7 }), 4_000);
  assert.equal(written(4_100, { connected: false, state: 'behind', behindBytes: 8 }), 4_100);
  // The clock was set back.
  assert.equal(written(-60_000, { connected: false, state: 'behind', behindBytes: 8 }), -60_000);
});

test('an agent is behind by so many bytes while it reads, and then caught up', async () => {
  await pair.serving();
  pair.agent();
  writeFileSync(pair.logFile, '');
  await reports('caught up');
  const count = 50_000;
  const piece = Array.from({ length: count }, (_, i) => line(i)).join('');
  const host = async () => (await pair.api<{ hosts: (Reported & { attempts: number })[] }>('/api/hosts')).hosts[0];
  let written = 0;
  let seen = '';
  // Again where it was read so fast that no report fell into it.
  while (!/^behind by \d+ bytes$/.test(seen)) {
    appendFileSync(pair.logFile, piece);
    written += count;
    await until(
      async () => {
        const { state = '', attempts = 0 } = (await host()) ?? {};
        seen = state;
        return seen.startsWith('behind') || attempts === written;
      },
      undefined,
      60_000,
    );
  }
  await until(async () => (await host())?.attempts === written, undefined, 60_000);
  await reports('caught up');
});

test('an agent that hangs or was killed is not connected, and its last state is not shown as that of a running one', async () => {
  await pair.serving();
  const agent = pair.agent();
  writeFileSync(pair.logFile, line(1));
  await reports('caught up');
  agent.child.kill('SIGSTOP');
  await until(async () => /^state\s+no heartbeat since 20.*: it hangs/m.test((await pair.command('status')).output));
  await agent.end('SIGKILL');
  const host = async () => (await pair.api<{ hosts: Reported[] }>('/api/hosts')).hosts[0];
  await until(async () => (await host())?.connected === false);
  // At once, though its last heartbeat is good for 10 s: its lock ended with it.
  assert.match(
    (await pair.command('status')).output,
    /^state\s+not running: it was killed, with its last heartbeat at 20/m,
  );
  const { running, connected } = JSON.parse((await pair.command('status', '--json')).output);
  assert.deepEqual([running, connected], [false, false]);
});
