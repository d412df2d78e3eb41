/** Lines in forms that nobody here has seen: never read, and never passed over in silence where they are sshd's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader } from '../../../alphaclient/sshd/reader.ts';

const CONTEXT = { writtenMs: Date.UTC(2026, 10, 26), nowMs: Date.UTC(2026, 10, 26), timeZone: 'UTC' };
const DECISION = 'Failed password for root from 192.0.2.7 port 4711 ssh2';

function read(line: string): { events: number; unknown: number; samples: string[] } {
  const reader = new Reader();
  const events = reader.read(Buffer.from(`${line}\n`), CONTEXT).length + reader.end().length;
  return { events, unknown: reader.counts().unknown, samples: reader.shapes().map(({ sample }) => sample) };
}

for (const [form, line] of Object.entries({
  'another time in brackets': `[Thursday, 26th of November 2026, 01:02:03] sshd[12]: ${DECISION}`,
  'a time and words': `2026-11-26T01:02:03.4Z bastion > ${DECISION}`,
  'words before the message': `bastion says ${DECISION}`,
  'a JSON that is no journal’s': JSON.stringify({ remark: DECISION, when: '2026-11-26T01:02:03.4Z' }),
  'a tag in the middle': 'at noon, bastion, sshd-session[4]: Connection closed by 192.0.2.7 port 4711 [preauth]',
  'RFC 5424 without its data': `<86>1 2026-11-26T01:02:03Z bastion sshd 3 - ${DECISION}`,
  'a time and words that sshd does not write': `2026-11-26T01:02:03Z ${DECISION} by way of the moon`,
  'words of another message': `at noon: Unable to negotiate with 192.0.2.7 port 4711: no matching cipher found. Their offer: x [preauth]`,
  'a banner': 'at noon: banner exchange: Connection from 192.0.2.7 port 4711: invalid format',
  'no other attempt': `level=info msg="Invalid user oracle from 192.0.2.7 port 4711"`,
}))
  test(`sshd's words behind ${form} are counted as unknown, and shown`, () => {
    const { events, unknown, samples } = read(line);
    assert.deepEqual({ events, unknown }, { events: 0, unknown: 1 });
    assert.ok(samples[0] !== undefined && line.endsWith(samples[0]), samples[0]);
  });

for (const [what, line] of Object.entries({
  'another program’s line': `Nov 26 01:02:03 bastion myapp[12]: ${DECISION}`,
  'another program’s line without pid': `2026-11-26T01:02:03Z bastion kernel: ${DECISION}`,
  'another program’s line without host': `2026-11-26T01:02:03Z myapp: ${DECISION}`,
  'another program’s journal entry': JSON.stringify({ MESSAGE: DECISION, SYSLOG_IDENTIFIER: 'myapp', _PID: '12' }),
  'other words': 'Accepted from the port of Hamburg for transport',
  'other words after a time': '2026-11-26T01:02:03.4Z stderr F server listening',
  'other JSON': '{"log":"Failed to open the port","stream":"stderr"}',
}))
  test(`${what} is not sshd's`, () => {
    assert.deepEqual(read(line), { events: 0, unknown: 0, samples: [] });
  });

test('a long line in no form that is known is not passed over either', () => {
  assert.equal(read(`at noon: ${DECISION} ${'x'.repeat(9_000)}`).unknown, 1);
});

test('behind a time alone what looks like a program’s tag is sshd’s, once the log has shown itself as sshd’s', () => {
  const reader = new Reader();
  const messages = [
    'Server listening on 0.0.0.0 port 22.',
    'banner exchange: Connection from 192.0.2.7 port 4711: invalid format',
  ];
  const events = reader.read(
    Buffer.from(messages.map((text) => `2026-11-26_01:02:03.45678 ${text}\n`).join('')),
    CONTEXT,
  );
  assert.deepEqual(
    [...events, ...reader.end()].map(({ event }) => [event.outcome, event.ip, event.port]),
    [['probe', '192.0.2.7', 4711]],
  );
});

test('sshd’s words are looked for in the first 8 KiB of a line only', () => {
  const log = (padding: number): string => `{"pad":"${'x'.repeat(padding)}","txt":"${DECISION}"}`;
  assert.equal(read(log(8_100)).unknown, 1);
  assert.equal(read(log(8_192)).unknown, 0);
});
