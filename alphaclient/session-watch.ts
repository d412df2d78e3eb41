/**
 * Watches the open sessions of the followed log beside the kernel: every 10 s it compares them with the established connections, and
 * after a reboot it ends those of before. It gives the list of open sessions that pings carry.
 */
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import type { BlindReason, OpenSessions } from '../protocol/session.ts';
import { CountedConnections } from './kernel/connection-counters.ts';
import type { KernelConnection } from './kernel/connections.ts';
import { SessionCheck } from './kernel/session-check.ts';
import type { Outbox } from './outbox/outbox.ts';
import type { Reader } from './sshd/reader.ts';
import type { SessionChanges } from './sshd/session-changes.ts';

/** How often the kernel is asked. */
export const LOOK_EVERY_MS = 10_000;
/** Looks take no more than this share of a core: on a host with 100,000 connections one takes 0.1 s. */
const LOOK_SHARE = 1 / 100;
/** However long one takes, the next one is not later than this. */
const LOOK_LATEST_MS = 60_000;
/** Names of what the outbox keeps. */
const CHECK = 'connectionsBefore';
const BOOT_ID = 'bootId';

/** The things that a watch looks at. */
export interface SessionWatchOptions {
  readonly reader: Reader;
  readonly sessions: SessionChanges;
  readonly outbox: Outbox;
  /** `off`: the kernel is not asked. */
  readonly ports: readonly number[] | 'off' | null;
  readonly loginGraceSeconds: number;
  readonly now: () => number;
  /** Gives the kernel's connections, read anew where `isWhole`; null where it does not say. */
  readonly connections?: (isWhole: boolean) => Promise<readonly KernelConnection[] | null>;
  /** The id of this boot; null where the system has none. */
  readonly bootId?: string | null;
}

/** The watch of one agent. */
export class SessionWatch {
  readonly #options: SessionWatchOptions;
  readonly #check: SessionCheck;
  readonly #connections: NonNullable<SessionWatchOptions['connections']>;
  /** The sessions that an earlier boot left open; null where this is the same boot, and once they are ended. */
  #ofEarlierBoot: readonly number[] | null;
  readonly #bootId: string | null;
  /** The state of the check as JSON, as it was committed or is to be. */
  #savedCheck: string;
  #toKeep: Record<string, unknown> = {};
  #nextMs = 0;

  constructor(options: SessionWatchOptions) {
    const { reader, outbox, ports, loginGraceSeconds, now, bootId = readBootId() } = options;
    const counted = new CountedConnections(now);
    this.#options = options;
    this.#connections = options.connections ?? ((isWhole) => counted.read(isWhole));
    this.#bootId = bootId;
    const saved = outbox.kept(CHECK);
    this.#savedCheck = JSON.stringify(saved);
    const settings = { ports: ports === 'off' ? null : ports, loginGraceSeconds };
    this.#check = new SessionCheck(settings, saved, (host) => reader.hostName(host));
    const known = outbox.kept(BOOT_ID);
    const isNewBoot = typeof known === 'string' && bootId !== null && known !== bootId;
    this.#ofEarlierBoot = isNewBoot ? [...outbox.openSessions.keys()] : null;
    if (!isNewBoot && known !== bootId && bootId !== null) this.#toKeep[BOOT_ID] = bootId;
    if (ports === 'off') this.#check.cannotLook('off');
  }

  /** True where `take` has something to give. */
  get hasChanged(): boolean {
    return Object.keys(this.#toKeep).length > 0;
  }

  /**
   * Returns what changed since the last call and is to be kept by the next commit, together with what `compare` noted in `sessions`: a
   * boot is known only once the sessions of the one before it have ended.
   */
  take(): Readonly<Record<string, unknown>> {
    const values = this.#toKeep;
    this.#toKeep = {};
    return values;
  }

  /** True when the next look is due. */
  isDue(nowMs: number): boolean {
    return nowMs >= this.#nextMs || this.#nextMs - nowMs > LOOK_LATEST_MS;
  }

  /** Reads the kernel's connections, or says why not. `isOfOthers`: the log is that of other hosts. */
  async read(isOfOthers: boolean): Promise<readonly KernelConnection[] | BlindReason> {
    const { ports, now, reader } = this.#options;
    const before = process.cpuUsage();
    this.#nextMs = now() + LOOK_EVERY_MS;
    if (ports === 'off') return 'off';
    if (isOfOthers) return 'relayed log';
    const connections = await this.#connections(this.#check.isDeciding(reader.connections.table.eachSession()));
    // Not by the clock: on a busy machine, or one that was suspended, a look takes long and costs nothing.
    const { user, system } = process.cpuUsage(before);
    const tookMs = (user + system) / 1_000;
    this.#nextMs = now() + Math.min(LOOK_LATEST_MS, Math.max(LOOK_EVERY_MS, tookMs / LOOK_SHARE));
    return connections ?? 'unreadable';
  }

  /** Compares, once all of the log is read. What it finds is noted in `sessions` and for `take`, for the next commit. */
  compare(connections: readonly KernelConnection[] | BlindReason): void {
    const { reader, sessions, now } = this.#options;
    const nowMs = now();
    const tracker = reader.connections;
    if (typeof connections === 'string') this.#check.cannotLook(connections);
    else {
      const { ports, changedMs } = reader.sshdListener;
      const log = {
        sessions: tracker.table.eachSession(),
        beforeLogin: tracker.table,
        ports,
        listenerMs: changedMs,
        isProcess,
      };
      const { confirmed, ended } = this.#check.look(connections, log, nowMs);
      for (const session of confirmed) sessions.touched(session);
      for (const { session, how, ms } of ended) tracker.endSession(session, how, ms);
      const saved = this.#check.save();
      const json = JSON.stringify(saved);
      if (json !== this.#savedCheck) this.#toKeep[CHECK] = saved;
      this.#savedCheck = json;
    }
    this.#endThoseOfEarlierBoot(nowMs, connections === 'relayed log');
  }

  /** Ends the sessions that an earlier boot left open: the log is read to its end, and no line shows how they ended. Those of other hosts go on. */
  #endThoseOfEarlierBoot(nowMs: number, isOfOthers: boolean): void {
    const { reader } = this.#options;
    if (this.#ofEarlierBoot === null) return;
    const bootMs = nowMs - uptime() * 1_000;
    if (!isOfOthers)
      for (const session of this.#ofEarlierBoot) reader.connections.endSession(session, 'reboot', bootMs);
    this.#ofEarlierBoot = null;
    this.#toKeep[BOOT_ID] = this.#bootId;
  }

  /** The open sessions as they were committed last. */
  open(): OpenSessions {
    const { reader, outbox, loginGraceSeconds, now } = this.#options;
    const { confirmedMs, blind, unexplained } = this.#check.report();
    const list = seqsOf(outbox.openSessions.values());
    const unsure = [...reader.connections.table.eachSession()]
      .filter(({ isConfirmed }) => !isConfirmed || blind !== null)
      .map(({ session }) => outbox.openSessions.get(session));
    return {
      at: new Date(now()).toISOString(),
      sessions: list.length,
      from: 0,
      list,
      unconfirmed: seqsOf(unsure),
      confirmedAt: confirmedMs === null ? null : new Date(confirmedMs).toISOString(),
      blind,
      unexplained,
      loginGraceSeconds,
    };
  }
}

/**
 * Tells whether a process of this id is there. It asks by a signal that is none (kill(2)): /proc hides the processes of other users
 * where it is mounted with `hidepid`, as in the agent's unit.
 */
export function isProcess(pid: number): boolean {
  // Of 0 and below, kill(2) means groups of processes.
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // ESRCH: it is gone. A number that cannot be a process id is refused by Node itself.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The numbers there are, ascending. */
const seqsOf = (seqs: Iterable<number | null | undefined>): number[] =>
  [...seqs].filter((seq) => typeof seq === 'number').sort((a, b) => a - b);

/** The id that Linux gives each boot: random(4). Null elsewhere. */
function readBootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return null;
  }
}
