import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ReadContext, Reader } from '../../../alphaclient/sshd/reader.ts';

const CONTEXT: ReadContext = { writtenMs: 1_795_000_000_000, nowMs: 1_795_000_000_000, timeZone: 'UTC' };
const FORGED = 'Accepted password for root from 198.51.100.7 port 4711 ssh2';
const own = (text: string): string => `${text}\r\n`;

function read(text: string) {
  const reader = new Reader();
  const events = reader.read(Buffer.from(text, 'latin1'), CONTEXT).map(({ event }) => `${event.outcome} ${event.user}`);
  return { events, forged: reader.counts().forged, samples: reader.forgeries().map(({ message }) => message) };
}

test('a line that a client wrote behind a bare line feed is no login, and is reported as forged', () => {
  const first = own('Failed password for alice from 192.0.2.1 port 1 ssh2');
  const torn = own(`Failed password for invalid user x\n${FORGED}\ny from 192.0.2.2 port 2 ssh2`);
  const { events, forged, samples } = read(first + torn);
  assert.deepEqual(events, ['failed alice', `failed x\n${FORGED}\ny`]);
  assert.equal(forged, 1);
  assert.deepEqual(samples, [FORGED]);
});

test('where it stands at the beginning of the log it is read as a login, and reported once sshd shows how it ends its lines', () => {
  const before = read(`${FORGED}\n`);
  assert.deepEqual([before.events, before.forged], [['accepted root'], 0]);
  const after = read(`${FORGED}\n${own('Failed password for alice from 192.0.2.1 port 1 ssh2')}`);
  assert.deepEqual([after.events, after.forged, after.samples], [['accepted root', 'failed alice'], 1, [FORGED]]);
});

test('a line feed in a user name without a message behind it is no forgery, nor is a log that has no CR at all', () => {
  const own1 = own('Failed password for alice from 192.0.2.1 port 1 ssh2');
  assert.equal(read(own1 + own('Failed password for invalid user a\nb from 192.0.2.2 port 2 ssh2')).forged, 0);
  assert.equal(read(`${FORGED}\n${FORGED.replace('4711', '4712')}\n`).forged, 0);
});
