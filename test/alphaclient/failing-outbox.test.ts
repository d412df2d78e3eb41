/** An agent whose outbox cannot be written or read for a while: each line counts once, and the agent goes on by itself. */
import { deepEqual, doesNotMatch, equal, rejects } from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { Agent, type AgentOptions } from '../../alphaclient/agent.ts';
import { EventHosts } from '../../alphaclient/event-host.ts';
import { FileSource } from '../../alphaclient/log/file-source.ts';
import type { LogSource } from '../../alphaclient/log/source.ts';
import { OutboxError } from '../../alphaclient/outbox/database.ts';
import { OUTBOX_FILE, Outbox } from '../../alphaclient/outbox/outbox.ts';
import { SessionWatch } from '../../alphaclient/session-watch.ts';
import { ConnectionChanges } from '../../alphaclient/sshd/connection-changes.ts';
import { Reader } from '../../alphaclient/sshd/reader.ts';
import { SessionChanges } from '../../alphaclient/sshd/session-changes.ts';
import type { Uplink } from '../../alphaclient/uplink/uplink.ts';
import type { LoginEvent } from '../../protocol/event.ts';
import type { AgentState } from '../../protocol/report.ts';
import { Ticker } from '../../service/ticker.ts';
import { until } from '../until.ts';

/** Never connects: what is committed stays in the outbox. */
const NO_UPLINK = { onAck() {}, sendPending() {}, report() {}, connected: false, sendsAtOnce: false };

/** Connections of the kernel: it has none. */
const NO_CONNECTIONS = { ports: null, loginGraceSeconds: 120, bootId: 'first', connections: async () => [] } as const;

/** An agent that follows a log of its own, and looks at once at the connections of a kernel that has none. */
class Followed {
  readonly outbox: Outbox;
  readonly logged: string[] = [];
  readonly ended: Promise<void>;
  readonly #file: string;
  readonly #other: DatabaseSync;

  /** What asking the log's file system for its status throws. */
  statusFault: Error | null = null;
  askedForStatus = 0;
  readonly #agent: Agent;

  constructor(t: TestContext, { isBlocked = false, ...options }: Partial<AgentOptions> & { isBlocked?: boolean } = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'failing-outbox-'));
    this.#file = join(folder, 'sshd.log');
    writeFileSync(this.#file, '');
    this.outbox = new Outbox(folder);
    this.#other = new DatabaseSync(join(folder, OUTBOX_FILE));
    const write = (text: string): void => void this.logged.push(text);
    const log = { debug: write, info: write, warn: write, error: write };
    const [sessions, connections] = [new SessionChanges(), new ConnectionChanges()];
    const reader = new Reader(null, null, null, { listener: sessions }, { listener: connections, saved: [] });
    const file = new FileSource({ path: this.#file, from: 'start', position: null, log, lookEveryMs: 20 });
    const source: LogSource = {
      next: () => file.next(),
      close: () => file.close(),
      status: () => {
        this.askedForStatus += 1;
        if (this.statusFault !== null) throw this.statusFault;
        return file.status();
      },
    };
    if (isBlocked) this.block();
    this.#agent = new Agent(
      {
        ...{ reader, sessions, connections, outbox: this.outbox, log, now: Date.now, outboxLimitBytes: 1e9 },
        ...{ logName: this.#file, source },
        watch: new SessionWatch({ ...NO_CONNECTIONS, reader, sessions, outbox: this.outbox, now: Date.now }),
        ticker: new Ticker(20),
        ...options,
      },
      new EventHosts('box', null),
    );
    this.ended = this.#agent.run(NO_UPLINK as unknown as Uplink);
    t.after(async () => {
      this.#agent.stop();
      await this.ended.catch(() => {});
      this.#other.close();
      this.outbox.close();
      rmSync(folder, { recursive: true, force: true });
    });
  }

  write(line: string): void {
    appendFileSync(this.#file, `${line}\n`);
  }

  /** A user fails to log in. */
  attempt(user: string): void {
    this.write(`Failed password for ${user} from 192.0.2.7 port 4711 ssh2`);
  }

  /** No commit succeeds from here on, as on a full disk. */
  block(): void {
    this.#other.exec('BEGIN IMMEDIATE');
  }

  unblock(): void {
    this.#other.exec('ROLLBACK');
  }

  /** Whether the log of the agent has a text. */
  has(text: string): boolean {
    return this.logged.join('\n').includes(text);
  }

  get state(): AgentState {
    return this.#agent.report().state;
  }

  get users(): (string | null)[] {
    return this.outbox.after(0, 100).map(({ body }) => (JSON.parse(body) as LoginEvent).user);
  }
}

test('a line is committed once, also where what comes after its commit fails', async (t) => {
  let failures = 2;
  const agent = new Followed(t, {
    onCommit: () => {
      if (failures-- > 0) throw new OutboxError('failed', 'disk I/O error');
    },
  });
  for (const user of ['anna', 'bob', 'carol']) {
    agent.attempt(user);
    await until(() => agent.users.includes(user));
  }
  await until(() => failures < 0);
  deepEqual(agent.users, ['anna', 'bob', 'carol']);
  doesNotMatch(agent.logged.join(), /cannot be written/);
});

test('damage that is found after a commit ends the agent, and the line is committed once', async (t) => {
  const damage = new OutboxError('damaged', 'database disk image is malformed');
  const agent = new Followed(t, {
    onCommit: () => {
      throw damage;
    },
  });
  agent.attempt('anna');
  await rejects(agent.ended, damage);
  deepEqual(agent.users, ['anna']);
});

test('an outbox that cannot be written keeps the agent waiting, and each line is committed once when it can be again', async (t) => {
  const agent = new Followed(t);
  agent.block();
  agent.attempt('anna');
  await until(() => agent.has('The outbox cannot be written, reading waits: database is locked'));
  agent.attempt('bob');
  agent.unblock();
  await until(() => agent.users.includes('bob'));
  deepEqual(agent.users, ['anna', 'bob']);
  equal(agent.logged.filter((text) => text === 'The outbox can be written again').length, 1);
});

test('an outbox that cannot be written when the connections of the kernel are looked at keeps the agent waiting', async (t) => {
  const agent = new Followed(t, { isBlocked: true });
  await until(() => agent.has('The outbox cannot be written, reading waits: database is locked'));
  equal(agent.outbox.kept('connectionsBefore'), null);
  agent.unblock();
  await until(() => agent.outbox.kept('connectionsBefore') !== null);
  equal(agent.outbox.kept('bootId'), 'first');
  agent.attempt('anna');
  await until(() => agent.users.includes('anna'));
});

test('an outbox that cannot be written when the log names its sshd keeps the agent waiting', async (t) => {
  const agent = new Followed(t);
  await until(() => agent.outbox.kept('bootId') === 'first');
  agent.block();
  agent.write('2026-11-29T08:00:00+00:00 box sshd-session[7]: Failed password for anna from 192.0.2.7 port 4711 ssh2');
  await until(() => agent.has('The outbox cannot be written'));
  agent.unblock();
  await until(() => agent.users.includes('anna'));
  deepEqual(agent.outbox.kept('sshd-release'), { program: 'sshd-session', version: null });
});

test('a log whose file system cannot be asked for its status is unreadable, and the agent goes on', async (t) => {
  const agent = new Followed(t);
  agent.statusFault = Object.assign(new Error('ESTALE: stale file handle, fstat'), { code: 'ESTALE' });
  equal(agent.state, 'log unreadable');
  const asked = agent.askedForStatus;
  await until(() => agent.askedForStatus > asked + 3);
  agent.statusFault = null;
  agent.attempt('anna');
  await until(() => agent.users.includes('anna'));
  await until(() => agent.state === 'caught up');
});
