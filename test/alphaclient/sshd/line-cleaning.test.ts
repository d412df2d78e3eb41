/** NUL bytes in a log: holes before, in and behind lines; UTF-16 and UTF-32; in any encoding sshd's words are not dropped in silence. */
import { deepEqual } from 'node:assert/strict';
import { it } from 'node:test';
import { PIECES_LIMIT } from '../../../alphaclient/sshd/line-cleaning.ts';
import type { Reader } from '../../../alphaclient/sshd/reader.ts';
import { SessionOutbox } from './session-outbox.ts';

const NOW = Date.UTC(2026, 10, 30);
const CONTEXT = { writtenMs: NOW, nowMs: NOW, timeZone: 'UTC' };

/** Reads a log at once, and line by line with restarts between; both must give the same. */
function read(bytes: Buffer): { events: string[]; unknown: number } {
  const results = [Number.POSITIVE_INFINITY, 1].map((lines) => {
    const outbox = new SessionOutbox();
    let reader = outbox.reader();
    const events: string[] = [];
    const take = (found: ReturnType<Reader['end']>) => {
      for (const { event, line } of found) events.push(`${line} ${event.outcome} ${event.user} ${event.port}`);
    };
    for (let from = 0; from < bytes.length; ) {
      let end = from;
      for (let n = 0; n < lines && end < bytes.length; n++) end = bytes.indexOf(10, end) + 1 || bytes.length;
      take(reader.read(bytes.subarray(from, end), CONTEXT));
      reader = outbox.restart(reader);
      from = end;
    }
    take(reader.end());
    return { events, unknown: reader.counts().unknown };
  });
  deepEqual(results[1], results[0]);
  return results[0] as { events: string[]; unknown: number };
}

const line = (port: number, user = 'root'): string =>
  `Nov 20 10:00:07 web sshd[${port}]: Failed password for ${user} from 192.0.2.10 port ${port} ssh2`;
const hole = (bytes: number): string => '\0'.repeat(bytes);

it('a hole before a line, behind it, or both, is none of it', () => {
  const log = `${hole(1)}${line(1)}\n${hole(4_096)}${line(2)}${hole(3)}\n${line(3)}${hole(512)}\n${line(4)}\n`;
  deepEqual(read(Buffer.from(log)), {
    events: [1, 2, 3, 4].map((n) => `${n} failed root ${n}`),
    unknown: 0,
  });
});

it('a hole in a line ends it: what stands behind is a line, and what stood before counts as unknown', () => {
  const torn = line(2).slice(0, 40);
  const log = `${line(1)}\n${torn}${hole(2_000)}${line(3)}\n${line(4)}${hole(1)}${line(5)}\n`;
  deepEqual(read(Buffer.from(log)), {
    events: ['1 failed root 1', '2 failed root 3', '3 failed root 4', '3 failed root 5'],
    unknown: 1,
  });
});

it('holes between lines of sshd -E take no message with them', () => {
  const failed = (port: number): string => `Failed password for root from 192.0.2.10 port ${port} ssh2`;
  const log = `Server listening on :: port 22.\r\n${failed(1)}\r\n${failed(2).slice(0, 20)}${hole(100)}${failed(3)}\r\n${failed(4)}\r\n`;
  deepEqual(read(Buffer.from(log)).events, ['2 failed root 1', '3 failed root 3', '4 failed root 4']);
});

const user = 'j\u00fcrgen\u{1f600}\u5b57';
const utf16 = Buffer.from(`${line(1)}\r\n${line(2, user)}\r\nno log\r\n${line(3)}\r\n`, 'utf16le');
const utf16be = Buffer.from(utf16).swap16();
const expected = { events: ['1 failed root 1', `2 failed ${user} 2`, '4 failed root 3'], unknown: 0 };
const mark = (bytes: readonly number[], log: Buffer) => Buffer.concat([Buffer.from(bytes), log]);

it('UTF-16 is read, in either order of its bytes', () => {
  deepEqual(read(mark([0xff, 0xfe], utf16)), expected);
  deepEqual(read(mark([0xfe, 0xff], utf16be)), expected);
  deepEqual(read(utf16), expected);
});

it('UTF-16 is read where lines have no header', () => {
  const log = Buffer.from(
    '\ufeffServer listening on :: port 22.\r\nFailed password for x from 192.0.2.1 port 7 ssh2\r\n',
    'utf16le',
  );
  deepEqual(read(log).events, ['2 failed x 7']);
});

it('UTF-32 is read', () => {
  const log = Buffer.alloc(4 * 200);
  let at = 0;
  for (const c of `\ufeff${line(1)}\n`) at = log.writeUInt32LE(c.codePointAt(0) ?? 0, at);
  deepEqual(read(log.subarray(0, at)).events, ['1 failed root 1']);
  deepEqual(read(Buffer.from(log.subarray(0, at)).swap32()).events, ['1 failed root 1']);
});

it("sshd's words between any NUL bytes are read, or count as unknown", () => {
  const words = Array.from(line(1), (c, i) => (i % 3 === 0 ? `\0${c}` : c)).join('');
  deepEqual(read(Buffer.from(`${words}\n`)).events, ['1 failed root 1']);
  const few = Array(PIECES_LIMIT - 1)
    .fill('ab')
    .join('\0');
  deepEqual(read(Buffer.from(`${few}\0${line(1)}\n`)).events, ['1 failed root 1']);
  const many = Array(PIECES_LIMIT).fill('ab').join('\0');
  deepEqual(read(Buffer.from(`${many}\0${line(1)}\n`)), { events: [], unknown: 1 });
});
