/** An agent whose outbox is full for long: the log is not read meanwhile, and nothing is decided as if it had been. */
import { deepEqual, equal } from 'node:assert/strict';
import { appendFileSync, copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Agent } from '../../alphaclient/agent.ts';
import { EventHosts } from '../../alphaclient/event-host.ts';
import type { KernelConnection } from '../../alphaclient/kernel/connections.ts';
import { FileSource } from '../../alphaclient/log/file-source.ts';
import { Outbox } from '../../alphaclient/outbox/outbox.ts';
import { SessionWatch } from '../../alphaclient/session-watch.ts';
import { ConnectionChanges } from '../../alphaclient/sshd/connection-changes.ts';
import { Reader } from '../../alphaclient/sshd/reader.ts';
import { SessionChanges } from '../../alphaclient/sshd/session-changes.ts';
import type { Uplink } from '../../alphaclient/uplink/uplink.ts';
import type { LoginEvent } from '../../protocol/event.ts';
import type { AgentState } from '../../protocol/report.ts';
import { Ticker } from '../../service/ticker.ts';
import { until } from '../until.ts';

const LIMIT_BYTES = 2_000;
/** More than the time after which an open connection is closed by the clock, or after which one that is not explained is reported. */
const HOUR_MS = 3_600_000;
const TICK_MS = 20;
/** More ticks than are needed for anything to be looked at, compared twice, or closed. */
const MANY_TICKS = 30;
/** By each tick the clock of the agent goes on so far, so that a look at the kernel is due. */
const TICK_AHEAD_MS = 60_000;

/** An agent whose outbox takes LIMIT_BYTES, and which no server acknowledges anything to but the test. */
class Full {
  readonly path: string;
  readonly outbox: Outbox;
  kernel: readonly KernelConnection[] = [];
  ticks = 0;
  aheadMs = 0;
  readonly #agent: Agent;
  readonly #watch: SessionWatch;
  #wakeUp: () => void = () => {};

  constructor(t: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), 'full-outbox-'));
    this.path = join(folder, 'sshd.log');
    writeFileSync(this.path, '');
    const outbox = new Outbox(folder);
    this.outbox = outbox;
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const now = (): number => Date.now() + this.aheadMs;
    const [sessions, connections] = [new SessionChanges(), new ConnectionChanges()];
    const reader = new Reader(null, null, null, { listener: sessions }, { listener: connections, saved: [] });
    const ticker = new Ticker(TICK_MS);
    this.#watch = new SessionWatch({
      ...{ reader, sessions, outbox, ports: [22], loginGraceSeconds: 120, now, bootId: 'first' },
      connections: async () => this.kernel,
    });
    this.#agent = new Agent(
      {
        ...{ reader, sessions, connections, outbox, log, now, ticker, outboxLimitBytes: LIMIT_BYTES },
        logName: this.path,
        source: new FileSource({ path: this.path, from: 'start', position: null, log, lookEveryMs: TICK_MS }),
        watch: this.#watch,
      },
      new EventHosts('box', null),
    );
    const uplink = {
      ...{ sendPending() {}, report() {}, connected: false, sendsAtOnce: false },
      onAck: (called: () => void) => {
        this.#wakeUp = called;
      },
    };
    const ended = this.#agent.run(uplink as unknown as Uplink);
    const endTicks = ticker.add(() => {
      this.ticks += 1;
      this.aheadMs += TICK_AHEAD_MS;
    });
    t.after(async () => {
      endTicks();
      this.#agent.stop();
      await ended;
      outbox.close();
      rmSync(folder, { recursive: true, force: true });
    });
  }

  write(...messages: readonly string[]): void {
    appendFileSync(this.path, messages.map((message) => `${message}\n`).join(''));
  }

  /** Lets so much time go by that what the agent would do it has done. */
  async later(): Promise<void> {
    const from = this.ticks;
    await until(() => this.ticks > from + MANY_TICKS);
  }

  acknowledgeAll(): void {
    this.outbox.acknowledge(this.outbox.lastSeq);
    this.#wakeUp();
  }

  get state(): AgentState {
    return this.#agent.report().state;
  }

  get unexplained(): number {
    return this.#watch.open().unexplained.length;
  }

  events(after = 0): string[] {
    return this.outbox.after(after, 100).map(({ body }) => {
      const { outcome, user } = JSON.parse(body) as LoginEvent;
      return `${outcome} ${user}`;
    });
  }
}

const line = (time: number, pid: number, message: string): string =>
  `${new Date(time).toISOString()} box sshd[${pid}]: ${message}`;
const failed = (pid: number): string =>
  line(Date.now(), pid, `Failed password for root from 192.0.2.1 port ${20_000 + pid} ssh2`);
const MANY = Array.from({ length: 20 }, (_, i) => failed(i + 1));

test('while the outbox is full the agent says so, however long that lasts', async (t) => {
  const agent = new Full(t);
  agent.write(...MANY, line(Date.now(), 500, 'Invalid user bob from 192.0.2.9 port 40001'));
  await until(() => agent.state === 'outbox full');
  // Time alone would close the connection of bob, and that would be committed.
  agent.aheadMs += HOUR_MS;
  await agent.later();
  equal(agent.state, 'outbox full');
  deepEqual(agent.events(), Array(MANY.length).fill('failed root'));
  agent.acknowledgeAll();
  await until(() => agent.outbox.lastSeq > MANY.length);
  await until(() => agent.state === 'caught up');
  deepEqual(agent.events(MANY.length), ['probe bob']);
});

test('while the outbox is full a log that is copied and truncated is not taken for read: no connection is unexplained, and none is closed', async (t) => {
  const agent = new Full(t);
  agent.write(...MANY, line(Date.now(), 500, 'Invalid user bob from 192.0.2.9 port 40001'));
  await until(() => agent.state === 'outbox full');
  copyFileSync(agent.path, `${agent.path}.1`);
  truncateSync(agent.path, 0);
  const key = 'ED25519 SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
  agent.write(
    line(Date.now(), 500, 'Failed password for invalid user bob from 192.0.2.9 port 40001 ssh2'),
    line(Date.now(), 900, `Accepted publickey for alice from 198.51.100.7 port 40022 ssh2: ${key}`),
  );
  agent.kernel = [{ ip: '198.51.100.7', port: 40_022, localPort: 22, isEstablished: true } as KernelConnection];
  agent.aheadMs += HOUR_MS;
  await agent.later();
  equal(agent.state, 'outbox full');
  equal(agent.unexplained, 0);
  deepEqual(agent.events(), Array(MANY.length).fill('failed root'));
  agent.acknowledgeAll();
  await until(() => agent.outbox.lastSeq === MANY.length + 2);
  await agent.later();
  equal(agent.unexplained, 0);
  deepEqual(agent.events(MANY.length), ['failed bob', 'accepted alice']);
});
