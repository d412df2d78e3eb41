import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CUT_MARK, LineSplitter } from '../../../alphaclient/log/lines.ts';
import { LOG_LINE_LIMIT_BYTES } from '../../../alphaclient/log/source.ts';

/** Splits a text that is added in pieces of `step` bytes; `rest` is the partial line at its end. */
function torn(text: Buffer, step: number): { lines: string; consumedBytes: number; cutLines: number; rest: string } {
  const buffer = new LineSplitter();
  const out: Buffer[] = [];
  let consumedBytes = 0;
  let cutLines = 0;
  for (let at = 0; at < text.length; at += step) {
    const lines = buffer.add(Buffer.from(text.subarray(at, at + step)));
    out.push(lines.bytes);
    consumedBytes += lines.consumedBytes;
    cutLines += lines.cutLines;
  }
  const rest = buffer.flush();
  return { lines: Buffer.concat(out).toString(), consumedBytes, cutLines, rest: rest.bytes.toString() };
}

test('text torn at any byte, also inside CR LF and characters of several bytes, is unchanged', () => {
  const text = 'Failed password for günter\r\n\r\n☃💥\nlast and unfinished é';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  for (let step = 1; step <= Buffer.byteLength(text); step += 1) {
    const { lines, consumedBytes, rest } = torn(Buffer.from(text), step);
    assert.equal(lines, whole);
    assert.equal(consumedBytes, Buffer.byteLength(whole));
    assert.equal(rest, 'last and unfinished é\n');
  }
});

test('a line of 64 KiB is whole; one byte more is cut, marked and counted, never inside a character', () => {
  const fits = `${'x'.repeat(LOG_LINE_LIMIT_BYTES)}\n`;
  for (const step of [1_000, 1 << 20]) {
    assert.deepEqual(torn(Buffer.from(fits), step), { lines: fits, consumedBytes: fits.length, cutLines: 0, rest: '' });
    const { lines, consumedBytes, cutLines } = torn(Buffer.from(`before\nx${fits}after\n`), step);
    assert.equal(lines, `before\n${'x'.repeat(LOG_LINE_LIMIT_BYTES - CUT_MARK.length)}${CUT_MARK}\nafter\n`);
    assert.deepEqual([consumedBytes, cutLines], [fits.length + 14, 1]);
    for (const shift of ['', 'x', 'xx', 'xxx']) {
      const snow = torn(Buffer.from(`${shift}${'💥'.repeat(20_000)}\n`), step).lines;
      assert.ok(Buffer.byteLength(snow) <= LOG_LINE_LIMIT_BYTES + 1);
      assert.match(snow, /^x*(💥)+ \[line cut here: too long\]\n$/u);
    }
  }
});

test('memory does not grow with a line that has no end', () => {
  const buffer = new LineSplitter();
  const bytes = Buffer.alloc(1 << 20, 'x');
  for (let i = 0; i < 64; i += 1) buffer.add(bytes);
  assert.equal(buffer.partialBytes, 64 << 20);
  assert.equal(buffer.flush().bytes.length, LOG_LINE_LIMIT_BYTES + 1);
});

test('a partial line that nobody will end gets the line end of the lines before it', () => {
  // Among lines that end in CR LF, one that ends in LF alone continues in the next.
  assert.equal(torn(Buffer.from('one\r\ntwo\r\nthr'), 4).rest, 'thr\r\n');
  assert.equal(torn(Buffer.from('one\r\ntwo\r\nthree\r'), 4).rest, 'three\r\n');
  assert.equal(torn(Buffer.from('one\ntwo\nthr'), 4).rest, 'thr\n');
  const goingOn = new LineSplitter(Buffer.from('one\r\n'));
  goingOn.add(Buffer.from('tw'));
  assert.equal(goingOn.flush().bytes.toString(), 'tw\r\n');
});

test('the hole of NUL bytes that a writer leaves in a truncated log is skipped', () => {
  const { lines, consumedBytes } = torn(Buffer.from('\0\0\0\0one\n\0two\n'), 3);
  assert.equal(lines, 'one\ntwo\n');
  assert.equal(consumedBytes, 13);
});

test('a hole within a line, however large and however torn, takes nothing of what stands behind it', () => {
  const hole = LOG_LINE_LIMIT_BYTES * 2;
  const text = Buffer.from(`one\ntw${'\0'.repeat(hole)}Nov 20 \0\0\0\0three\0\n\0f\0o\0u\0r\0\n`);
  for (const step of [1, 7, 65_536, text.length])
    assert.deepEqual(torn(text, step), {
      lines: 'one\ntw\0\0\0\0Nov 20 \0\0\0\0three\0\nf\0o\0u\0r\0\n',
      consumedBytes: text.length,
      cutLines: 0,
      rest: '',
    });
});

test('a line torn over reads into one buffer is whole', () => {
  const splitter = new LineSplitter();
  const buffer = Buffer.alloc(4);
  const out = ['Nov ', '20 1', '0:00', '\nend'].map((text) => {
    buffer.write(text);
    return splitter.add(buffer).bytes.toString();
  });
  assert.deepEqual(out, ['', '', '', 'Nov 20 10:00\n']);
});

test('messages with octet counts are lines without line ends, torn at any byte', () => {
  const frame = (text: string): string => `${Buffer.byteLength(text)} ${text}`;
  const frames = ['<38>1 - - sshd 1 - - one', '<38>zwei ü', '<1>three'].map(frame);
  const text = Buffer.from(frames.join(''));
  for (let step = 1; step <= text.length; step += 1) {
    const { lines, consumedBytes, rest } = torn(text, step);
    assert.equal(lines.replaceAll('\n', ''), frames.join(''));
    assert.deepEqual([consumedBytes, rest], [text.length, '']);
  }
  const { lines, rest } = torn(text.subarray(0, -1), 1 << 20);
  assert.deepEqual([lines, rest], [`${frames[0]}${frames[1]}\n`, `${frames[2]?.slice(0, -1)}\n`]);
});

test('messages with octet counts are not cut, however long they are together', () => {
  const frame = `60 <38>${'x'.repeat(56)}`;
  const text = frame.repeat(2 * Math.ceil(LOG_LINE_LIMIT_BYTES / frame.length));
  for (const end of ['', '\n']) {
    const { lines, cutLines } = torn(Buffer.from(text + end), 1 << 20);
    assert.equal(lines.replaceAll('\n', ''), text);
    assert.equal(cutLines, 0);
  }
});
