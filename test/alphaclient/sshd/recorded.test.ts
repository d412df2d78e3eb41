/** Our own recordings of real sshds (`npm run record`): each is read as it was when what was done was known. */
import { deepEqual, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { scanLine } from '../../../alphaclient/commands/event-lines.ts';
import type { LocatedEvent } from '../../../alphaclient/sshd/events.ts';
import { SessionOutbox } from './session-outbox.ts';

const FOLDER = join(import.meta.dirname, '..', '..', 'fixtures', 'recorded');
const names = readdirSync(FOLDER).flatMap((file) => (file.endsWith('.log') ? [file.slice(0, -4)] : []));

/** Reads all, `lines` lines at a time, with a restart between any two pieces. */
function read(bytes: Buffer, lines: number, nowMs: number): LocatedEvent[] {
  const context = { writtenMs: nowMs, nowMs, timeZone: 'UTC' };
  const all: LocatedEvent[] = [];
  const outbox = new SessionOutbox();
  let reader = outbox.reader();
  for (let from = 0; from < bytes.length; ) {
    let end = from;
    for (let n = 0; n < lines && end < bytes.length; n++) end = bytes.indexOf(10, end) + 1 || bytes.length;
    all.push(...reader.read(bytes.subarray(from, end), context));
    reader = outbox.restart(reader);
    from = end;
  }
  return [...all, ...reader.end()].sort((a, b) => a.line - b.line);
}

describe('recordings of real sshds', () => {
  it('are there', () => ok(names.length >= 10));
  for (const name of names)
    it(`${name} tells of what was done, at once and with restarts`, () => {
      const golden = readFileSync(join(FOLDER, `${name}.ndjson`), 'utf8')
        .trimEnd()
        .split('\n');
      const bytes = readFileSync(join(FOLDER, `${name}.log`));
      // Years of a log without them hang on when it was written: just after its last event.
      const times = golden.map((line) => Date.parse((JSON.parse(line) as { at: string | null }).at ?? ''));
      const nowMs = Math.max(...times.filter((ms) => !Number.isNaN(ms)), 0) + 1_000;
      for (const lines of [Number.POSITIVE_INFINITY, 7, 1]) {
        const found = read(bytes, lines, nowMs).map((located) => scanLine(located));
        deepEqual(found.toSorted(), golden.toSorted(), `${lines} lines at a time`);
      }
    });
});
