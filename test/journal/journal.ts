/** Real journal files for tests, written by systemd-journal-remote, read by the real journalctl. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const WRITERS = ['/lib/systemd/systemd-journal-remote', '/usr/lib/systemd/systemd-journal-remote'];
const WRITER = WRITERS.find((path) => existsSync(path));

/**
 * Why journals cannot be made and read here; false when they can. In CI that is a failure: the packages systemd and
 * systemd-journal-remote are missing there.
 */
export function journalLacking(): string | false {
  const runs = spawnSync('journalctl', ['--version']).status === 0;
  if (runs && WRITER) return false;
  const lack = `no ${runs ? 'systemd-journal-remote' : 'journalctl'} here: install systemd and systemd-journal-remote`;
  if (process.env['CI'] === 'true') throw new Error(lack);
  return lack;
}

/** The fields of a record; a Buffer stands for a text that is no valid UTF-8 or has line breaks. */
export type Fields = Readonly<Record<string, string | Buffer>>;

/** A record as sshd leaves it in the journal. */
export function sshd(message: string | Buffer, more: Fields = {}): Fields {
  return {
    _TRANSPORT: 'syslog',
    PRIORITY: '6',
    SYSLOG_IDENTIFIER: 'sshd',
    SYSLOG_PID: '501',
    _PID: '501',
    _UID: '0',
    _COMM: 'sshd',
    _EXE: '/usr/sbin/sshd',
    _HOSTNAME: 'bastion',
    MESSAGE: message,
    ...more,
  };
}

const BOOTS = ['b0a1c2d3e4f5061728394a5b6c7d8e9f', 'b1a1c2d3e4f5061728394a5b6c7d8e9f'];

function exported(fields: Fields): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'string') {
      parts.push(Buffer.from(`${name}=${value}\n`));
      continue;
    }
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(value.length));
    parts.push(Buffer.from(`${name}\n`), size, value, Buffer.from('\n'));
  }
  return Buffer.concat([...parts, Buffer.from('\n')]);
}

/** A folder of journal files, one of them being written. */
export class ScratchJournal {
  readonly folder = mkdtempSync(join(tmpdir(), 'journal-'));
  /** The machine whose records these are, unless a record names another. */
  readonly machineId = 'a0a1c2d3e4f5061728394a5b6c7d8e9f';
  #writer: ChildProcess | null = null;
  #files = 0;
  #boot = 0;
  #timeUs = BigInt(Date.now() - 3_600_000) * 1_000n;
  #monotonicUs = 0;

  /** journalctl over this journal alone. */
  get command(): readonly string[] {
    return ['journalctl', `--directory=${this.folder}`];
  }

  /** The name of the file being written. */
  get file(): string {
    return join(this.folder, `part-${this.#files}.journal`);
  }

  /** Appends records; they can be read soon, not at once. */
  append(...records: readonly Fields[]): void {
    const writer = this.#writer ?? this.#open();
    for (const fields of records) {
      this.#timeUs += 1_000n;
      this.#monotonicUs += 1_000;
      const frame = {
        __REALTIME_TIMESTAMP: String(this.#timeUs),
        __MONOTONIC_TIMESTAMP: String(this.#monotonicUs),
        _BOOT_ID: BOOTS[this.#boot] ?? '',
        _MACHINE_ID: this.machineId,
      };
      writer.stdin?.write(exported({ ...frame, ...fields }));
    }
  }

  /** Closes the file with all that was appended in it; the next append begins another. */
  async rotate(): Promise<void> {
    const writer = this.#writer;
    this.#writer = null;
    if (!writer) return;
    const closed = once(writer, 'close');
    writer.stdin?.end();
    await closed;
  }

  /** As rotate, and what comes then is of another boot. */
  async reboot(): Promise<void> {
    await this.rotate();
    this.#boot += 1;
    this.#monotonicUs = 0;
  }

  /** Ends the writer and removes the folder. */
  async remove(): Promise<void> {
    await this.rotate();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #open(): ChildProcess {
    if (!WRITER) throw new Error('systemd-journal-remote is missing');
    accessSync(WRITER);
    this.#files += 1;
    this.#writer = spawn(WRITER, ['-o', this.file, '-'], { stdio: ['pipe', 'ignore', 'ignore'] });
    return this.#writer;
  }
}
