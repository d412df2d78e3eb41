/** macOS's `log`, beside what fixtures.test.ts reads in its styles: what is not sshd's, and where its columns end. */
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Reader } from '../../../alphaclient/sshd/reader.ts';

const CONTEXT = { writtenMs: 0, nowMs: 0, timeZone: 'UTC' };
const TIME = '2026-11-20 10:00:07.123';
const FULL = `${TIME}456-0700 0x14e5ecb  Default     0x0                  4242   0   `;
const FAILED = 'Failed password for root from 192.0.2.10 port 50022 ssh2';

function read(line: string): { events: number; unknown: number } {
  const reader = new Reader();
  const events = [...reader.read(Buffer.from(`${line}\n`), CONTEXT), ...reader.end()].length;
  return { events, unknown: reader.counts().unknown };
}

describe('a line of macOS’s log', () => {
  it('is not sshd’s because of what another program says in it', () => {
    for (const line of [
      `${TIME} Df logger[99:1a2] ${FAILED}`,
      `${TIME} Df sshd-keygen-wrapper[99:1a2] ${FAILED}`,
      `${TIME} Df logger[99:1a2] sshd[1:1a2] ${FAILED}`,
      `${FULL} logger: sshd[1]: ${FAILED}`,
      JSON.stringify({ eventMessage: FAILED, processImagePath: '/usr/bin/logger', processID: 99 }),
      JSON.stringify({ eventMessage: FAILED, processImagePath: '/usr/sbin/sshd/logger', processID: 99 }),
    ])
      equal(read(line).events, 0, line);
  });

  it('has a process, its pid and its thread, or counts as unknown', () => {
    for (const process of ['sshd[1:xyz]', 'sshd[:1a2]', 'sshd[1234567890123:1a2]'])
      deepEqual(read(`${TIME} Df ${process} ${FAILED}`), { events: 0, unknown: 1 }, process);
    equal(read(`${TIME} Df sshd-session[1:1a2] ${FAILED}`).events, 1);
  });

  it('is read behind a library’s name of up to 200 bytes', () => {
    const by = (chars: number) => `(${'l'.repeat(chars - 3)}) ${FAILED}`;
    deepEqual(read(`${FULL} sshd: ${by(200)}`), { events: 1, unknown: 0 });
    deepEqual(read(`${FULL} sshd: ${by(201)}`), { events: 0, unknown: 1 });
    deepEqual(read(`${TIME}456-0700  mac sshd[1]: (libpam.2.dylib) [com.apple.opendirectoryd:pam] ${FAILED}`), {
      events: 1,
      unknown: 0,
    });
    deepEqual(read(`${TIME} I  sshd[1:1a2] [com.openssh:] ${FAILED}`), { events: 1, unknown: 0 });
  });
});
