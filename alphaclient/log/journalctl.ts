/** Runs journalctl: its arguments, its output, and the fault behind its exit. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { DROPPED_MESSAGE_ID } from './journal-records.ts';
import type { SourceState } from './source.ts';

/**
 * Matches the records that claim one of sshd's names, whoever wrote them (the reader recognises forged ones by `_EXE`, `_UID`
 * and `_TRANSPORT`; PAM's modules write under the same name), and journald's reports of dropped records. Matches of one field
 * are alternatives, matches of several fields must all hold, and `+` begins another alternative.
 */
const SSHD_RECORDS = ['sshd', 'sshd-session', 'sshd-auth'].map((name) => `SYSLOG_IDENTIFIER=${name}`);
const DROP_REPORTS = [`MESSAGE_ID=${DROPPED_MESSAGE_ID}`];

/** The fields that the reader uses; with all fields a record is twice as long, and as long as a client likes. */
const FIELDS = [
  ...['MESSAGE', 'MESSAGE_ID', 'PRIORITY', 'SYSLOG_IDENTIFIER', 'SYSLOG_PID', '_COMM', '_EXE', '_HOSTNAME'],
  ...['_PID', '_SOURCE_REALTIME_TIMESTAMP', '_TRANSPORT', '_UID'],
];

const JSON_LINES = ['--no-pager', '--output=json', `--output-fields=${FIELDS.join(',')}`];

/** The arguments for the last record of the journal, whoever wrote it. */
export const LAST_RECORD = ['--no-pager', '--output=json', '--output-fields=PRIORITY', '--lines=1'];

/** Returns the arguments for the record of a cursor, or the first one after it where that is gone. */
export function recordAt(cursor: string): string[] {
  return [...LAST_RECORD, `--cursor=${cursor}`];
}

function sshdRecords(first: readonly string[], cursor: string | null, matches: readonly string[] = []): string[] {
  const from = cursor === null ? [] : [`--cursor=${cursor}`];
  return [...first, ...JSON_LINES, ...from, ...matches, ...SSHD_RECORDS, '+', ...matches, ...DROP_REPORTS];
}

/**
 * Returns the arguments for all of sshd's records from `cursor` on (itself included), of every boot. `--after-cursor` is not
 * used: where that record is gone, journalctl 252 skips the first record after it.
 */
export function recordsFrom(cursor: string | null): string[] {
  return sshdRecords([], cursor);
}

/**
 * Returns the arguments to follow from `cursor` on. journalctl follows the boot alone that it finds when it starts, which is not
 * always journald's: in a container of systemd-nspawn 252 a unit with a `/proc` of its own sees another boot id. Only `--merge`
 * follows every boot, journalctl 252's `--boot=all` does not; the match keeps out the records of other machines, which it merges
 * as well. Where `machineId` is null the one boot is followed, so that earlier ones must be read first.
 */
export function recordsToFollow(cursor: string | null, machineId: string | null): string[] {
  const follow = ['--follow', '--no-tail'];
  if (machineId === null) return sshdRecords(follow, cursor);
  return sshdRecords([...follow, '--merge'], cursor, [`_MACHINE_ID=${machineId}`]);
}

/** Returns the id under which journald writes this machine's records (machine-id(5)); null where the system has none. */
export function localMachineId(file = '/etc/machine-id'): string | null {
  try {
    return /^[0-9a-f]{32}$/.exec(readFileSync(file, 'latin1').trim())?.[0] ?? null;
  } catch {
    return null;
  }
}

/** Why the journal cannot be read. */
export interface JournalFault {
  readonly state: SourceState;
  /** The fault and its remedy, for a person. */
  readonly text: string;
}

const STDERR_LIMIT_CHARS = 2_048;
/** The most that a fault quotes of the last line. */
const QUOTED_LIMIT_CHARS = 300;
/** The other way out, at the end of a fault's text. */
export const OR_A_FILE = 'or set ALPHACLIENT_LOG to the file that sshd logs to';

/** One run of journalctl. Its output is read only on request, so that the full pipe makes it wait. */
export class Journalctl {
  /** Null where the system cannot make the process; `stdout` and `stderr` are missing where it has no descriptor left for them. */
  readonly #child: ChildProcess | null;
  /** The last STDERR_LIMIT_CHARS characters: what made it fail comes after any number of warnings. */
  #stderr = '';
  /** True where journalctl warns that it shows this user, who is not root nor in `adm` or `systemd-journal`, only his own records. */
  #lacksPermission = false;
  #ended: { readonly how: string; readonly failed: boolean; readonly missing: boolean } | null = null;
  #wake: () => void = () => {};

  /** `command`: the program, and its arguments before `args`. */
  constructor(command: readonly string[], args: readonly string[]) {
    const [program = 'journalctl', ...first] = command;
    const failed = (error: NodeJS.ErrnoException): void => {
      const missing = error.code === 'ENOENT' || error.code === 'EACCES';
      this.#ended ??= { how: `${program} cannot be run (${error.code ?? error.message})`, failed: true, missing };
      this.#wake();
    };
    this.#child = spawned(program, [...first, ...args], failed);
    this.#child?.stderr?.setEncoding('utf8').on('data', (text: string) => {
      const all = this.#stderr + text;
      this.#lacksPermission ||= all.includes('not seeing messages from other users');
      this.#stderr = all.slice(-STDERR_LIMIT_CHARS);
      this.#wake();
    });
    this.#child?.stdout?.on('readable', () => this.#wake());
    this.#child?.stdout?.on('end', () => this.#wake());
    this.#child?.on('close', (code, signal) => {
      const how = `journalctl ended ${signal ? `by ${signal}` : `with exit code ${code}`}`;
      this.#ended ??= { how, failed: code !== 0, missing: false };
      this.#wake();
    });
  }

  /** Resolves with the next output, with `ended` once there will be none, and with `quiet` when there was none for `waitMs`. */
  async read(waitMs: number): Promise<Buffer | 'ended' | 'quiet'> {
    const until = performance.now() + waitMs;
    for (;;) {
      if (this.#lacksPermission) return 'ended';
      const piece = this.#child?.stdout?.read() as Buffer | null | undefined;
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

  /** Returns the fault after `read` returned `ended`; null when journalctl succeeded. */
  fault(): JournalFault | null {
    const lastLine = this.#stderr.trim().split('\n').at(-1) ?? '';
    if (this.#lacksPermission || (this.#ended?.failed && /insufficient permissions|Permission denied/.test(lastLine)))
      return {
        state: 'log unreadable',
        text: `the journal cannot be read by this user: add it to the group systemd-journal, run as root, ${OR_A_FILE}`,
      };
    if (this.#ended?.missing)
      return { state: 'log missing', text: `${this.#ended.how}: install systemd, ${OR_A_FILE}` };
    return this.#ended?.failed
      ? { state: 'starting', text: `${this.#ended.how}${lastLine && `: ${lastLine.slice(0, QUOTED_LIMIT_CHARS)}`}` }
      : null;
  }

  /** Bytes that were received from it and are not read yet, without those in the pipe. */
  get unreadBytes(): number {
    return this.#child?.stdout?.readableLength ?? 0;
  }

  /**
   * Returns its page faults and processor time so far, with those of the processes that it waited for (proc_pid_stat(5), `minflt` to
   * `cstime`): while they stay the same, it does nothing. Null where they cannot be read.
   */
  work(): string | null {
    try {
      const stat = readFileSync(`/proc/${this.#child?.pid}/stat`, 'latin1');
      // The second field is the program's name, in parentheses, and may have spaces and parentheses itself.
      return stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .slice(7, 15)
        .join(' ');
    } catch {
      return null;
    }
  }

  /** Kills it; its unread output is discarded. */
  stop(): void {
    try {
      if (this.#child?.pid !== undefined && !this.#ended) process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // The process group has ended already.
    }
    this.#child?.stdout?.destroy();
    this.#child?.stderr?.destroy();
    this.#wake();
  }
}

/**
 * Starts a program in a process group of its own, so that `stop` also ends what it started. Gives its error, if any, to `failed`, also
 * one that Node throws, such as ENOMEM of a machine that has no memory for another process: it passes. Null then.
 */
function spawned(program: string, args: readonly string[], failed: (error: Error) => void): ChildProcess | null {
  try {
    return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true }).on('error', failed);
  } catch (error) {
    failed(error as Error);
    return null;
  }
}
