import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeJoinCode, readJoinCode } from '../../protocol/join-code.ts';
import { PEM_LIMIT_CHARS } from '../../protocol/joining.ts';
import { encode, readAgentMessage, readServerMessage } from '../../protocol/messages.ts';

const csr = '-----BEGIN CERTIFICATE REQUEST-----\n';
const enroll = { type: 'enroll', version: 1, code: 'x', csr, host: 'web-01' } as const;
const longest = csr.padEnd(PEM_LIMIT_CHARS, 'A');

test('a code is read as it was made, and any other text is none', () => {
  const parts = { fingerprint: Buffer.alloc(16, 0xfb), secret: Buffer.alloc(16, 7) };
  const code = encodeJoinCode(parts);
  assert.equal(code.length, 44);
  assert.deepEqual(readJoinCode(code), parts);
  for (const text of ['', code.slice(1), `${code}A`, `B${code.slice(1)}`, code.replace(/.$/, '='), ` ${code}`])
    assert.equal(readJoinCode(text), null, text);
});

test('enroll and renew are read as they were sent, up to their bounds', () => {
  assert.deepEqual(readAgentMessage(encode({ ...enroll, csr: longest })), { ...enroll, csr: longest });
  assert.deepEqual(readAgentMessage(encode({ type: 'renew', csr })), { type: 'renew', csr });
});

test('a field of enroll or renew that cannot be used is named [P16]', () => {
  const faults: [object, RegExp][] = [
    [{ ...enroll, version: '1' }, /^enroll\.version /],
    [{ ...enroll, code: 'x'.repeat(257) }, /^enroll\.code must be a text of at most 256 characters/],
    [{ ...enroll, csr: `${longest}A` }, /^enroll\.csr must be a request in PEM of at most 16384 characters/],
    [{ ...enroll, csr: 'none' }, /^enroll\.csr /],
    [{ ...enroll, host: 'a b' }, /^enroll\.host /],
    [{ type: 'renew' }, /^renew\.csr /],
  ];
  for (const [message, fault] of faults) {
    const read = readAgentMessage(JSON.stringify(message));
    assert.ok(read.type === 'fault' && read.code === 'bad_message');
    assert.match(read.message, fault);
  }
});

test('an agent reads enrolled, and what a server accepts; an older server accepts nothing more', () => {
  const enrolled = { type: 'enrolled', certificate: csr, ca: csr } as const;
  assert.deepEqual(readServerMessage(encode(enrolled)), enrolled);
  assert.equal(readServerMessage('{"type":"enrolled","certificate":"x","ca":"y"}').type, 'fault');
  const welcome = { type: 'welcome', version: 1, seq: 0 };
  assert.deepEqual(readServerMessage(JSON.stringify(welcome)), welcome);
  assert.deepEqual(readServerMessage(JSON.stringify({ ...welcome, accepts: ['renew', 3] })), {
    ...welcome,
    accepts: ['renew'],
  });
  // Of a list that is longer, the beginning is looked at.
  const many = Array.from({ length: 65 }, (_, i) => `word ${i}`);
  assert.deepEqual(readServerMessage(JSON.stringify({ ...welcome, accepts: many })), {
    ...welcome,
    accepts: many.slice(0, 64),
  });
});
