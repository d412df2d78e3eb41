import { deepEqual, equal, match } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { after, describe, it } from 'node:test';
import { scan } from '../../../alphaclient/commands/scan.ts';
import { QUIET_MS, ScanProgress, UPDATE_EVERY_MS } from '../../../alphaclient/commands/scan-progress.ts';

const folder = mkdtempSync(join(tmpdir(), 'progress-'));
after(() => rmSync(folder, { recursive: true }));

const CLEAR = '\r\u001b[K';
const MIB = 1_048_576;
const LINE = '2026-11-20T10:00:00+00:00 web sshd[1]: Failed password for root from 192.0.2.10 port 50022 ssh2\n';

/** A terminal, or a pipe, that keeps what is written to it. */
class Screen extends Writable {
  readonly isTTY: boolean;
  readonly columns: number;
  text = '';

  constructor(isTTY: boolean, columns = 80) {
    super();
    this.isTTY = isTTY;
    this.columns = columns;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk;
    done();
  }

  /** The lines of progress, in the order in which they were shown. */
  get shown(): string[] {
    return this.text
      .split('\r')
      .map((line) => line.replace('\u001b[K', ''))
      .filter((line) => line !== '');
  }
}

/** Scans with a clock that goes on by `stepMs` with each look at it. */
async function scanned(
  args: readonly string[],
  stderr: Screen,
  stdout: Writable,
  stepMs: number,
  input = '',
): Promise<void> {
  let nowMs = 0;
  const stdin = Readable.from([Buffer.from(input)]);
  const options = {
    files: args.filter((arg) => arg !== '--summary'),
    summary: args.includes('--summary'),
    json: false,
  };
  await scan(options, { stdout, stderr, stdin }, null, () => {
    nowMs += stepMs;
    return nowMs;
  });
}

function logFile(name: string, lines: number): string {
  const path = join(folder, name);
  writeFileSync(path, LINE.repeat(lines));
  return path;
}

describe('the progress of a scan', () => {
  it('has bytes, share, rate and time left, and is removed at the end', () => {
    const screen = new Screen(true);
    let nowMs = 5_000;
    const progress = new ScanProgress(screen, 100 * MIB, () => nowMs, true);
    nowMs += QUIET_MS - 1;
    progress.add(10 * MIB);
    equal(screen.text, '', 'a scan of less than a second shows nothing');
    nowMs += 1;
    progress.add(15 * MIB);
    nowMs += UPDATE_EVERY_MS - 1;
    progress.add(1);
    deepEqual(screen.shown, ['25.0 MiB of 100 MiB (25 %), 25.0 MiB/s, 3 s left']);
    nowMs += 2_801;
    progress.add(25 * MIB - 1);
    progress.clear();
    equal(screen.shown.at(-1), '50.0 MiB of 100 MiB (50 %), 12.5 MiB/s, 4 s left');
    equal(screen.text.endsWith(CLEAR), true);
    progress.clear();
    equal(screen.text.split(CLEAR).length, 2, 'nothing to remove the second time');
  });

  it('has no time left where the size is unknown, and never fills the line', () => {
    const screen = new Screen(true, 12);
    let nowMs = 0;
    const progress = new ScanProgress(screen, 0, () => nowMs, true);
    nowMs = 2_000;
    progress.add(3_000);
    deepEqual(screen.shown, ['2.9 KiB, 1.']);
  });

  it('is shown on a terminal while a summary is made, and while events go to a file', async () => {
    const path = logFile('long.log', 3_000);
    for (const args of [['--summary', path], [path]]) {
      const stderr = new Screen(true);
      await scanned(args, stderr, new Screen(args.length === 2), 400);
      match(stderr.shown[0] ?? '', /^\d+(\.\d)? KiB of \d+ KiB \(\d+ %\), \d+ (KiB|B)\/s, \d+ s left$/);
      equal(stderr.text.endsWith(CLEAR), true);
    }
    const stderr = new Screen(true);
    await scanned(['--summary', '-'], stderr, new Screen(true), 400, LINE.repeat(3_000));
    match(stderr.shown[0] ?? '', /^\d+(\.\d)? KiB, \d+ (KiB|B)\/s$/);
  });

  it('is not shown in a pipe, beside events on the same terminal, and by a scan of less than a second', async () => {
    const path = logFile('quiet.log', 3_000);
    const pipe = new Screen(false);
    await scanned(['--summary', path], pipe, new PassThrough().resume(), 400);
    const besideEvents = new Screen(true);
    await scanned([path], besideEvents, new Screen(true), 400);
    const quick = new Screen(true);
    await scanned(['--summary', path], quick, new PassThrough().resume(), 1);
    deepEqual([pipe.text, besideEvents.text, quick.text], ['', '', '']);
  });
});
