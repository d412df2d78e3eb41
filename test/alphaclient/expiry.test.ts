/** Connections are closed by the clock only once the agent has read all that may still end them. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Agent } from '../../alphaclient/agent.ts';
import { EventHosts } from '../../alphaclient/event-host.ts';
import { FileSource } from '../../alphaclient/log/file-source.ts';
import type { LogSource, SourceState } from '../../alphaclient/log/source.ts';
import { Outbox } from '../../alphaclient/outbox/outbox.ts';
import { ConnectionChanges } from '../../alphaclient/sshd/connection-changes.ts';
import { Reader, type ReaderState } from '../../alphaclient/sshd/reader.ts';
import { SessionChanges } from '../../alphaclient/sshd/session-changes.ts';
import type { Uplink } from '../../alphaclient/uplink/uplink.ts';
import type { LoginEvent } from '../../protocol/event.ts';
import { until } from '../until.ts';

const HOUR_MS = 3_600_000;

/** Never connects: what is committed stays in the outbox. */
const NO_UPLINK = {
  onAck() {},
  sendPending() {},
  report() {},
  connected: false,
  sendsAtOnce: false,
} as unknown as Uplink;

/** An agent with a log and an outbox of its own, stopped and started again with a clock that was set forward. */
class Restarted {
  readonly path: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'expiry-'));
  readonly #outbox = new Outbox(this.#folder);
  #agent: Agent | null = null;
  #ended: Promise<void> = Promise.resolve();
  /** How often each state of the source was asked for: each maintenance asks more than once. */
  asked = new Map<SourceState, number>();

  constructor(t: TestContext) {
    this.path = join(this.#folder, 'sshd.log');
    t.after(async () => {
      await this.stop();
      this.#outbox.close();
      rmSync(this.#folder, { recursive: true, force: true });
    });
  }

  start(aheadMs: number): void {
    const bookmark = this.#outbox.bookmark(this.path);
    const saved = bookmark?.reader as { reader: ReaderState } | null | undefined;
    const log = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, fatal() {} } as never;
    const file = new FileSource({ path: this.path, from: 'start', position: bookmark?.position ?? null, log });
    const source: LogSource = {
      next: () => file.next(),
      close: () => file.close(),
      status: () => {
        const status = file.status();
        this.asked.set(status.state, (this.asked.get(status.state) ?? 0) + 1);
        return status;
      },
    };
    this.asked = new Map();
    const connections = new ConnectionChanges();
    const open = this.#outbox.connectionsOf(this.path);
    this.#agent = new Agent(
      {
        logName: this.path,
        source,
        reader: new Reader(saved?.reader ?? null, null, null, null, { listener: connections, saved: open }),
        outbox: this.#outbox,
        sessions: new SessionChanges(),
        connections,
        watch: { isDue: () => false, read: async () => 'off', compare: () => {}, hasChanged: false, take: () => ({}) },
        outboxLimitBytes: 1e9,
        log,
        now: () => Date.now() + aheadMs,
      },
      new EventHosts('box', null),
    );
    this.#ended = this.#agent.run(NO_UPLINK);
  }

  async stop(): Promise<void> {
    this.#agent?.stop();
    await this.#ended;
  }

  get lines(): number {
    return this.#agent?.report().linesRead ?? 0;
  }

  get outcomes(): string[] {
    return this.#outbox.after(0, 100).map(({ body }) => (JSON.parse(body) as LoginEvent).outcome);
  }
}

const ADDRESS = 'bob from 192.0.2.7 port 4711';

test('a connection whose last lines are unread is not closed by the clock while the log is missing', async (t) => {
  const agent = new Restarted(t);
  writeFileSync(agent.path, `Invalid user ${ADDRESS}\n`);
  agent.start(0);
  await until(() => agent.lines === 1);
  await agent.stop();
  renameSync(agent.path, `${agent.path}~`);
  appendFileSync(`${agent.path}~`, `Failed password for invalid user ${ADDRESS} ssh2\n`);
  agent.start(HOUR_MS);
  await until(() => (agent.asked.get('log missing') ?? 0) >= 4);
  assert.deepEqual(agent.outcomes, []);
  renameSync(`${agent.path}~`, agent.path);
  await until(() => agent.lines === 2);
  assert.deepEqual(agent.outcomes, ['failed']);
});

test('a connection is closed by the clock once the log has nothing unread', async (t) => {
  const agent = new Restarted(t);
  writeFileSync(agent.path, `Invalid user ${ADDRESS}\n`);
  agent.start(0);
  await until(() => agent.lines === 1);
  await agent.stop();
  agent.start(HOUR_MS);
  await until(() => agent.outcomes.length > 0);
  assert.deepEqual(agent.outcomes, ['probe']);
});
