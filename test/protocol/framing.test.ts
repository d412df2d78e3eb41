import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Frame, LineFramer } from '../../protocol/framing.ts';
import { until } from '../until.ts';

const lines = (frames: Frame[]): string[] => frames.map((frame) => ('line' in frame ? frame.line : `! ${frame.fault}`));

test('lines come out whole, wherever the stream is torn [P2]', () => {
  const bytes = Buffer.from('{"a":"ä€😀"}\n\n{"b":2}\nrest');
  for (let tear = 0; tear <= bytes.length; tear += 1) {
    const framer = new LineFramer(100);
    const got = [...framer.feed(bytes.subarray(0, tear)), ...framer.feed(bytes.subarray(tear))];
    assert.deepEqual(lines(got), ['{"a":"ä€😀"}', '', '{"b":2}'], `torn at ${tear}`);
  }
});

test('a line of the limit is taken and one byte more is not [P1]', () => {
  assert.deepEqual(lines(new LineFramer(8).feed(Buffer.from('1234567\n'))), ['1234567']);
  assert.deepEqual(lines(new LineFramer(8).feed(Buffer.from('12345678\n'))), ['! too_long']);
});

test('a line without an end is refused once it reaches the limit, in pieces too', () => {
  const framer = new LineFramer(8);
  assert.deepEqual(lines(framer.feed(Buffer.from('1234567'))), []);
  assert.deepEqual(lines(framer.feed(Buffer.from('8'))), ['! too_long']);
  assert.deepEqual(lines(framer.feed(Buffer.from('\nnext\n'))), [], 'nothing is read after a fault');
});

test('bytes that are not UTF-8 are refused', () => {
  assert.deepEqual(lines(new LineFramer(99).feed(Buffer.from([0x7b, 0xff, 0x0a]))), ['! not_utf8']);
  assert.deepEqual(lines(new LineFramer(99).feed(Buffer.from([0xe2, 0x82, 0x0a, 0x31, 0x0a]))), ['! not_utf8']);
});

test('a line that comes byte by byte takes the memory of a line, not of the packets it came in', async () => {
  const packetBytes = 65_536;
  const packets = 4_000;
  const framer = new LineFramer(packetBytes);
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < packets; i++) framer.feed(Buffer.allocUnsafeSlow(packetBytes).fill(0x61, 0, 1).subarray(0, 1));
  // By itself the collector may run late, and frees memory on threads of its own.
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const grownBytes = () => process.memoryUsage().arrayBuffers - before;
  await until(
    () => grownBytes() < (packets * packetBytes) / 100,
    () => `${grownBytes()} bytes for ${packets} bytes of a line`,
  );
  assert.deepEqual(lines(framer.feed(Buffer.from('\n'))), ['a'.repeat(packets)]);
});
