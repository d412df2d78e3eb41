import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLogger, WAITING_LIMIT_BYTES } from '../../service/logger.ts';
import { until } from '../until.ts';

const HOSTILE = 'a\u001b[2Jb\u009b31mc\u202ed\r\n{"level":60}';

for (const format of ['plain', 'json'] as const)
  test(`a line in the form ${format} stays one line that a terminal shows and does not obey`, () => {
    let written = '';
    const log = createLogger({ level: 'info', format, to: { write: (text) => (written += text) } });
    log.info(HOSTILE, { host: HOSTILE });
    assert.match(written, /^[ -~]+\n$/);
    if (format === 'json') {
      const { msg, host } = JSON.parse(written) as { msg: string; host: string };
      assert.deepEqual([msg, host], [HOSTILE, HOSTILE]);
    }
  });

/** No file of the program grows beyond this: the limit stands for the end of a disk, and a truncated file is room on it. */
const DISK_BYTES = 2_097_152;

/** A program that logs what it is given. */
class LoggingProgram {
  readonly #child: ChildProcess;
  #answers = '';
  #lines = 0;

  constructor(stdout: number | 'pipe') {
    const program = [process.execPath, join(import.meta.dirname, 'logging-program.ts')];
    // POSIX: in units of 512 bytes.
    const limited = ['-c', `ulimit -f ${DISK_BYTES / 512}; exec "$0" "$@"`, ...program];
    this.#child = spawn('sh', limited, { stdio: ['pipe', stdout, 'pipe'] });
    this.#child.stderr?.on('data', (text) => {
      this.#answers += text;
    });
  }

  async logs(...lines: readonly string[]): Promise<void> {
    this.#lines += lines.length;
    this.#child.stdin?.write(lines.map((line) => `${line}\n`).join(''));
    await until(
      () => this.#answers.length >= 'logged\n'.length * this.#lines || this.#child.exitCode !== null,
      () => this.#answers,
    );
    assert.equal(this.#answers, 'logged\n'.repeat(this.#lines));
  }

  closeOutput(): void {
    this.#child.stdout?.destroy();
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Gives a test a program whose output is a file on a disk with so little room. */
async function onDisk(roomBytes: number, use: (program: LoggingProgram, file: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'logger-'));
  const file = join(folder, 'out');
  const fd = openSync(file, 'a');
  truncateSync(file, DISK_BYTES - roomBytes);
  const program = new LoggingProgram(fd);
  try {
    await use(program, file);
  } finally {
    program.end();
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
}

test('a line that a full disk has no room for throws nothing, and is written once there is room', () =>
  onDisk(25, async (program, file) => {
    await program.logs('first of ten', 'second of ten', 'third of ten');
    assert.equal(statSync(file).size, DISK_BYTES);
    const before = readFileSync(file, 'latin1').slice(-25);
    truncateSync(file, 0);
    // Also where nothing else is logged.
    const written = (): string => before + readFileSync(file, 'latin1');
    await until(() => written() === 'first of ten\nsecond of ten\nthird of ten\n', written);
  }));

test(`of more than ${WAITING_LIMIT_BYTES} bytes that a full disk has no room for the newest are dropped, and logging goes on`, () =>
  onDisk(0, async (program, file) => {
    const lines = Array.from({ length: 20 }, (_, i) => String.fromCharCode(97 + i).repeat(WAITING_LIMIT_BYTES / 16));
    await program.logs(...lines);
    truncateSync(file, 0);
    await until(() => statSync(file).size > 0);
    await program.logs('goes on');
    const written = readFileSync(file, 'latin1');
    assert.equal(written, [...lines.slice(0, 15), 'goes on', ''].join('\n'));
  }));

test('a line into a pipe that nobody reads any more throws nothing', async () => {
  const program = new LoggingProgram('pipe');
  try {
    await program.logs('read');
    program.closeOutput();
    await program.logs('not read', 'not read either');
  } finally {
    program.end();
  }
});
