import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CUT_MARK, LineBuffer } from '../../../alphaclient/log/lines.ts';
import { LINE_LIMIT_BYTES } from '../../../alphaclient/log/source.ts';

/** The lines that come out of a text torn after each `step` bytes, and what is left at its end. */
function torn(text: Buffer, step: number): { lines: string; taken: number; cut: number; rest: string } {
  const buffer = new LineBuffer();
  const out: Buffer[] = [];
  let taken = 0;
  let cut = 0;
  for (let at = 0; at < text.length; at += step) {
    const lines = buffer.add(Buffer.from(text.subarray(at, at + step)));
    out.push(lines.bytes);
    taken += lines.taken;
    cut += lines.cut;
  }
  const rest = buffer.end();
  return { lines: Buffer.concat(out).toString(), taken, cut, rest: rest.bytes.toString() };
}

test('text torn at any byte, CR LF and characters of several bytes with it, comes out as it is', () => {
  const text = 'Failed password for günter\r\n\r\n☃💥\nlast and unfinished é';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  for (let step = 1; step <= Buffer.byteLength(text); step += 1) {
    const { lines, taken, rest } = torn(Buffer.from(text), step);
    assert.equal(lines, whole);
    assert.equal(taken, Buffer.byteLength(whole));
    assert.equal(rest, 'last and unfinished é\n');
  }
});

test('a line of 64 KiB comes out whole; one byte more is cut, marked and counted, never inside a character', () => {
  const fits = `${'x'.repeat(LINE_LIMIT_BYTES)}\n`;
  for (const step of [1_000, 1 << 20]) {
    assert.deepEqual(torn(Buffer.from(fits), step), { lines: fits, taken: fits.length, cut: 0, rest: '' });
    const { lines, taken, cut } = torn(Buffer.from(`before\nx${fits}after\n`), step);
    assert.equal(lines, `before\n${'x'.repeat(LINE_LIMIT_BYTES - CUT_MARK.length)}${CUT_MARK}\nafter\n`);
    assert.deepEqual([taken, cut], [fits.length + 14, 1]);
    for (const shift of ['', 'x', 'xx', 'xxx']) {
      const snow = torn(Buffer.from(`${shift}${'💥'.repeat(20_000)}\n`), step).lines;
      assert.ok(Buffer.byteLength(snow) <= LINE_LIMIT_BYTES + 1);
      assert.match(snow, /^x*(💥)+ \[line cut here: too long\]\n$/u);
    }
  }
});

test('memory does not grow with a line that has no end', () => {
  const buffer = new LineBuffer();
  const bytes = Buffer.alloc(1 << 20, 'x');
  for (let i = 0; i < 64; i += 1) buffer.add(bytes);
  assert.equal(buffer.halfBytes, 64 << 20);
  assert.equal(buffer.end().bytes.length, LINE_LIMIT_BYTES + 1);
});

test('a half line that nobody will end gets the end that the lines before it have', () => {
  // Among lines that end in CR LF, one that ends in LF alone is taken to go on in the next.
  assert.equal(torn(Buffer.from('one\r\ntwo\r\nthr'), 4).rest, 'thr\r\n');
  assert.equal(torn(Buffer.from('one\r\ntwo\r\nthree\r'), 4).rest, 'three\r\n');
  assert.equal(torn(Buffer.from('one\ntwo\nthr'), 4).rest, 'thr\n');
  const goingOn = new LineBuffer(Buffer.from('one\r\n'));
  goingOn.add(Buffer.from('tw'));
  assert.equal(goingOn.end().bytes.toString(), 'tw\r\n');
});

test('the hole that a writer leaves in a log truncated under it is no text', () => {
  const { lines, taken } = torn(Buffer.from('\0\0\0\0one\n\0two\n'), 3);
  assert.equal(lines, 'one\ntwo\n');
  assert.equal(taken, 13);
});
