/** The journalctl program: how it is asked, and what it means when it stops. */
import { type ChildProcess, spawn } from 'node:child_process';
import { DROPPED_MESSAGE_ID } from './journal-records.ts';
import type { SourceState } from './source.ts';

/**
 * What is sshd's: records that claim one of its names, whoever wrote them (a reader tells forged ones by `_EXE`, `_UID` and
 * `_TRANSPORT`; PAM's modules write under the same name), and journald's word that it dropped some. Matches of
 * one field are alternatives, `+` begins another alternative.
 */
const SSHD_RECORDS = [
  ...['sshd', 'sshd-session', 'sshd-auth'].map((name) => `SYSLOG_IDENTIFIER=${name}`),
  '+',
  `MESSAGE_ID=${DROPPED_MESSAGE_ID}`,
];

/** What a reader needs of a record; without the list each would be twice as long, and as long as a client likes. */
const FIELDS = [
  ...['MESSAGE', 'MESSAGE_ID', 'PRIORITY', 'SYSLOG_IDENTIFIER', 'SYSLOG_PID', '_COMM', '_EXE', '_HOSTNAME'],
  ...['_PID', '_SOURCE_REALTIME_TIMESTAMP', '_TRANSPORT', '_UID'],
];

const JSON_LINES = ['--no-pager', '--output=json', `--output-fields=${FIELDS.join(',')}`];

/** The last record of the journal, whoever wrote it. */
export const LAST_RECORD = ['--no-pager', '--output=json', '--output-fields=PRIORITY', '--lines=1'];

/** The record of this cursor, or where it is gone the first one after it. */
export function recordAt(cursor: string): string[] {
  return [...LAST_RECORD, `--cursor=${cursor}`];
}

/**
 * All of sshd's records from `cursor` on (itself included), of every boot. `--after-cursor` is not used: where that
 * record is gone, journalctl (252) steps over the first one that is still there, and loses it.
 */
export function recordsFrom(cursor: string | null): string[] {
  return [...JSON_LINES, ...(cursor === null ? [] : [`--cursor=${cursor}`]), ...SSHD_RECORDS];
}

/** The same, and those still to come. journalctl follows the present boot alone, so earlier ones must be read first. */
export function recordsToCome(cursor: string | null): string[] {
  return ['--follow', '--no-tail', ...recordsFrom(cursor)];
}

/** Why the journal cannot be read. */
export interface JournalFault {
  readonly state: SourceState;
  /** For a person: what is wrong, and what to do. */
  readonly text: string;
}

const STDERR_LIMIT = 2_048;
/** What else a person can do. */
export const ELSE_A_FILE = 'or set ALPHACLIENT_LOG to the file that sshd logs to';

/** One run of journalctl. Its output is taken only when asked for, so that the pipe holds it back. */
export class Journalctl {
  /** Its pipes are missing where the process has no descriptor left for them. */
  readonly #child: ChildProcess;
  #stderr = '';
  #ended: { readonly how: string; readonly failed: boolean; readonly missing: boolean } | null = null;
  #wake: () => void = () => {};

  /** `command` is the program and what comes before our own arguments. */
  constructor(command: readonly string[], args: readonly string[]) {
    const [program = 'journalctl', ...first] = command;
    // A group of its own, so that whatever the command started goes with it.
    this.#child = spawn(program, [...first, ...args], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(0, STDERR_LIMIT);
      this.#wake();
    });
    this.#child.stdout?.on('readable', () => this.#wake());
    this.#child.stdout?.on('end', () => this.#wake());
    this.#child.on('error', (error: NodeJS.ErrnoException) => {
      const missing = error.code === 'ENOENT' || error.code === 'EACCES';
      this.#ended ??= { how: `${program} cannot be run (${error.code ?? error.message})`, failed: true, missing };
      this.#wake();
    });
    this.#child.on('close', (code, signal) => {
      const how = `journalctl ended ${signal ? `by ${signal}` : `with exit code ${code}`}`;
      this.#ended ??= { how, failed: code !== 0, missing: false };
      this.#wake();
    });
  }

  /** The next piece of output; `ended` once there will be none, `quiet` when there was none for `waitMs`. */
  async read(waitMs: number): Promise<Buffer | 'ended' | 'quiet'> {
    const until = performance.now() + waitMs;
    for (;;) {
      if (this.hint) return 'ended';
      const piece = this.#child.stdout?.read() as Buffer | null | undefined;
      if (piece) return piece;
      if (this.#ended) return 'ended';
      const leftMs = until - performance.now();
      if (leftMs <= 0) return 'quiet';
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** journalctl shows others than root, `adm` and `systemd-journal` their own records only, and hints at it. */
  get hint(): boolean {
    return this.#stderr.includes('not seeing messages from other users');
  }

  /** What went wrong once `read` said `ended`; null when it has done what it was asked. */
  fault(): JournalFault | null {
    const said = this.#stderr.trim().split('\n').at(-1) ?? '';
    if (this.hint || (this.#ended?.failed && /insufficient permissions|Permission denied/.test(said)))
      return {
        state: 'log unreadable',
        text: `the journal cannot be read by this user: add it to the group systemd-journal, run as root, ${ELSE_A_FILE}`,
      };
    if (this.#ended?.missing)
      return { state: 'log missing', text: `${this.#ended.how}: install systemd, ${ELSE_A_FILE}` };
    return this.#ended?.failed
      ? { state: 'starting', text: `${this.#ended.how}${said && `: ${said.slice(0, 300)}`}` }
      : null;
  }

  /** Bytes that it has printed and nobody has taken, the pipe's own not among them. */
  get unreadBytes(): number {
    return this.#child.stdout?.readableLength ?? 0;
  }

  /** Ends it; what it has still to say is lost. */
  stop(): void {
    try {
      if (this.#child.pid !== undefined && !this.#ended) process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // It has ended already, and all that it started.
    }
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    this.#wake();
  }
}
