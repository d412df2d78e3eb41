/** `alphaclient run`: assembles the parts of an agent and runs them until `stop`. */
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { expiryFault } from '../service/files.ts';
import type { Logger } from '../service/logger.ts';
import { Ticker } from '../service/ticker.ts';
import { Agent } from './agent.ts';
import type { ClientConfig } from './config.ts';
import { EventHosts } from './event-host.ts';
import { HeartbeatWriter, removeHeartbeat } from './heartbeat.ts';
import { chooseDefaultLog, DEFAULT_LOGS, findDefaultLog, waitForLog } from './log/default-log.ts';
import { FileSource } from './log/file-source.ts';
import { JournalSource } from './log/journal-source.ts';
import { localMachineId } from './log/journalctl.ts';
import type { LogSource } from './log/source.ts';
import { isDamaged } from './outbox/database.ts';
import type { Outbox } from './outbox/outbox.ts';
import { Checkpoint, openStateFolder, replaceDamaged } from './outbox/recovery.ts';
import { SessionWatch } from './session-watch.ts';
import { ConnectionChanges } from './sshd/connection-changes.ts';
import type { ReaderState } from './sshd/reader.ts';
import { isCurrentState, Reader } from './sshd/reader.ts';
import { SessionChanges } from './sshd/session-changes.ts';
import { dialer, tokenFault } from './uplink/connect.ts';
import { IdentityRenewal, identityFiles } from './uplink/identity-file.ts';
import { PingBuilder } from './uplink/ping.ts';
import { Uplink } from './uplink/uplink.ts';

/** The longest time that the server's answer to `quit` may take. */
const QUIT_LIMIT_MS = 3_000;

/** The settings and the surroundings of an agent. */
export interface RunOptions {
  readonly config: ClientConfig;
  readonly hostname: string;
  /** The PATH that programs are searched in. */
  readonly path: string;
  readonly log: Logger;
}

/** A running agent. */
export interface Running {
  /** Resolves when it has ended; rejects when it cannot go on. */
  readonly ended: Promise<void>;
  /** Sends `quit`, closes the outbox, and ends. Each further call waits for the same end. */
  stop(): Promise<void>;
}

/**
 * Starts an agent. An outbox that is found damaged while it runs is replaced, and the agent goes on with the new one.
 * Throws an OutboxError when the state folder cannot be used, and when a TLS file cannot be read.
 */
export function run(options: RunOptions): Running {
  const { config, log } = options;
  const expired = config.tls.certFile === null ? null : expiryFault(config.tls.certFile, Date.now());
  if (expired !== null) log.error(`${expired}: the server refuses it until it is renewed`);
  let running = start(options, openStateFolder(config.stateFolder, log, Date.now()));
  let stopping = false;
  async function follow(): Promise<void> {
    for (;;) {
      try {
        await running.ended;
        return;
      } catch (error) {
        if (stopping || !isDamaged(error)) throw error;
        await running.stop();
        // A stop that came meanwhile is over with this one's. The next start finds the damage again.
        if (stopping) return;
        running = start(options, replaceDamaged(config.stateFolder, error.message, log, Date.now()));
      }
    }
  }
  return {
    ended: follow(),
    stop: () => {
      stopping = true;
      return running.stop();
    },
  };
}

function start({ config, hostname, path, log }: RunOptions, outbox: Outbox): Running {
  const connect = dialer(config.servers, config.tls);
  const checkpoint = new Checkpoint(config.stateFolder);
  const heartbeat = new HeartbeatWriter(config.stateFolder);
  const ticker = new Ticker();
  let agent: Agent | null = null;
  let watch: SessionWatch | null = null;
  let reader = new Reader();
  /** The state while there is no agent yet, which needs a log. */
  let earlyState: 'starting' | 'log missing' = 'starting';
  const report = () =>
    agent?.report() ?? {
      ...{ state: earlyState, behindBytes: 0, ...outbox.totals },
      ...{ linesRead: 0, linesUnknown: 0, linesForged: 0 },
    };
  const pings = new PingBuilder({
    report,
    shapes: () => reader.shapes(),
    gapsAfter: (id, limit) => outbox.gapsAfter(id, limit),
    open: () => watch?.open() ?? null,
  });
  const uplink = new Uplink({
    outbox,
    host: config.name ?? hostname,
    token: config.token,
    run: randomUUID(),
    tokenFault: (socket, name) => tokenFault(socket, name, config.allowPlain),
    connect,
    renewal:
      config.tls.certFile && resolve(config.tls.certFile) === resolve(identityFiles(config.stateFolder).identity)
        ? new IdentityRenewal(config.tls.certFile, log)
        : null,
    pingContent: (isNewConnection) => pings.next(isNewConnection),
    onOutboxError: (error) => {
      if (isDamaged(error)) agent?.fail(error);
    },
    log,
    now: Date.now,
    random: Math.random,
    ticker,
  });
  const beat = (): void => {
    const { state, behindBytes } = report();
    heartbeat.write({ pid: process.pid, atMs: Date.now(), state, behindBytes, connected: uplink.connected });
    checkpoint.acknowledged(outbox.acked, Date.now());
  };
  const endBeats = ticker.add(beat);
  beat();
  const stopped = new AbortController();

  async function follow(): Promise<void> {
    const misses = (): void => {
      earlyState = 'log missing';
    };
    const logName = config.log ?? (await findLog(path, outbox, log, misses, stopped.signal));
    if (logName === null) return;
    const bookmark = outbox.bookmark(logName);
    const saved = bookmark?.reader as { reader?: ReaderState; hosts?: unknown } | null;
    const sessions = new SessionChanges();
    const open = outbox.sessionsOf(logName, isCurrentState(saved?.reader));
    const connections = new ConnectionChanges();
    reader = new Reader(
      saved?.reader,
      null,
      config.header,
      { listener: sessions, saved: open },
      { listener: connections, saved: outbox.connectionsOf(logName) },
    );
    log.info(`Following ${logName}`);
    watch = new SessionWatch({
      reader,
      sessions,
      outbox,
      ports: config.sshdPorts,
      loginGraceSeconds: config.loginGraceSeconds,
      now: Date.now,
    });
    agent = new Agent(
      {
        logName,
        source: sourceFor(logName, config, outbox, log, ticker),
        reader,
        sessions,
        connections,
        watch,
        outbox,
        outboxLimitBytes: config.outboxLimitBytes,
        log,
        now: Date.now,
        ticker,
        onCommit: ({ log: name, position, reader: state }) =>
          checkpoint.offer(outbox.agent, Date.now(), () => outbox.stateOf(name, { position, reader: state })),
      },
      new EventHosts(hostname, saved?.hosts),
    );
    await agent.run(uplink);
  }

  async function end(): Promise<void> {
    stopped.abort();
    agent?.stop();
    endBeats();
    await uplink.stop(QUIT_LIMIT_MS);
    checkpoint.acknowledged(outbox.acked, Number.MAX_SAFE_INTEGER);
    outbox.close();
    removeHeartbeat(config.stateFolder);
  }

  uplink.start();
  let ending: Promise<void> | null = null;
  return {
    ended: follow(),
    stop: () => {
      ending ??= end();
      return ending;
    },
  };
}

function sourceFor(logName: string, config: ClientConfig, outbox: Outbox, log: Logger, ticker: Ticker): LogSource {
  const position = outbox.bookmark(logName)?.position ?? null;
  return logName === 'journald'
    ? new JournalSource({ position, from: config.from, machineId: localMachineId(), log })
    : new FileSource({ path: logName, from: config.from, position, log, ticker });
}

/** Returns the default log that was followed before, or waits until there is one: `onMissing` is called once where there is none yet. Null when stopped before. */
async function findLog(
  path: string,
  outbox: Outbox,
  log: Logger,
  onMissing: () => void,
  signal: AbortSignal,
): Promise<string | null> {
  const read = outbox.readLogs;
  let isMissing = false;
  const chosen = await waitForLog(() => {
    const found = chooseDefaultLog(findDefaultLog(path), read.all, read.last);
    if (found !== null || isMissing) return found;
    isMissing = true;
    onMissing();
    log.warn(
      `No sshd log found (looked for ${DEFAULT_LOGS.join(', ')} and the journal): set ALPHACLIENT_LOG to its path; looking again every second`,
    );
    return found;
  }, signal);
  if (chosen === null) return null;
  const { name, other } = chosen;
  if (other !== null)
    log.warn(
      `${name} was followed before and is followed on, and not ${other}: set ALPHACLIENT_LOG=${other} to change over, and ALPHACLIENT_FROM=end so that what both have does not count twice`,
    );
  return name;
}
