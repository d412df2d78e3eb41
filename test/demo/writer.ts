/** Writes the simulated hosts' logs: the past at once, and then what goes on, when its time comes. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from './fleet.ts';
import { linesOf } from './log-forms.ts';
import type { LoggedConnection } from './logged-connection.ts';

/** Interval at which due lines are written. */
const TICK_MS = 100;

interface Pending {
  readonly atMs: number;
  readonly host: string;
  readonly text: string;
}

/** The logs of one demo, in one folder. */
export class LogWriter {
  readonly #folder: string;
  readonly #logs: readonly Log[];
  readonly #byHost = new Map<string, Log>();
  #pending: Pending[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(folder: string, logs: readonly Log[]) {
    this.#folder = folder;
    this.#logs = logs;
    mkdirSync(folder, { recursive: true });
    for (const log of logs) for (const host of log.hosts) this.#byHost.set(host, log);
  }

  /** The file that holds a log. */
  path(log: Log): string {
    return join(this.#folder, `${log.name}.log`);
  }

  /** Makes every log anew, with the lines of what happened. */
  past(connections: readonly LoggedConnection[]): void {
    for (const log of this.#logs) {
      const hosts = new Set<string>(log.hosts);
      const own = connections.filter(({ host }) => hosts.has(host));
      writeFileSync(this.path(log), log.form === 'raw' ? '' : lines(log, own));
    }
  }

  /** Writes a connection's lines now, all at once. */
  write(connection: LoggedConnection): void {
    const log = this.#byHost.get(connection.host);
    if (log) appendFileSync(this.path(log), lines(log, [connection]));
  }

  /** Goes on with connections that never end, each line when its time has come, until `stop`. */
  goOn(connections: Iterator<LoggedConnection>, now: () => number): void {
    let next = connections.next();
    this.#timer = setInterval(() => {
      const nowMs = now();
      while (!next.done && (next.value.messages[0]?.atMs ?? 0) <= nowMs) {
        this.#schedule(next.value);
        next = connections.next();
      }
      const due = this.#pending.filter(({ atMs }) => atMs <= nowMs);
      if (due.length === 0) return;
      this.#pending = this.#pending.filter(({ atMs }) => atMs > nowMs);
      const texts = new Map<Log, string>();
      for (const { host, text } of due) {
        const log = this.#byHost.get(host) as Log;
        texts.set(log, (texts.get(log) ?? '') + text);
      }
      for (const [log, text] of texts) appendFileSync(this.path(log), text);
    }, TICK_MS);
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  #schedule(connection: LoggedConnection): void {
    const log = this.#byHost.get(connection.host);
    if (!log) return;
    for (const { atMs, host, line } of linesOf(log.form, [connection])) this.#pending.push({ atMs, host, text: line });
    this.#pending.sort((a, b) => a.atMs - b.atMs);
  }
}

function lines(log: Log, connections: readonly LoggedConnection[]): string {
  return linesOf(log.form, connections)
    .map(({ line }) => line)
    .join('');
}
