import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LineChunks } from '../../../alphaclient/commands/line-chunks.ts';
import { LINE_LIMIT_BYTES } from '../../../alphaclient/log/source.ts';

function pour(bytes: Buffer, piece: number): { lines: string[]; cut: number } {
  const chunks = new LineChunks();
  let text = '';
  const each = (lines: Buffer): void => {
    text += lines.toString('latin1');
  };
  for (let from = 0; from < bytes.length; ) {
    const count = bytes.copy(chunks.room, 0, from, Math.min(bytes.length, from + piece));
    chunks.filled(count, each);
    from += count;
  }
  chunks.end(each);
  return { lines: text.split('\n').slice(0, -1), cut: chunks.cutLines };
}

describe('a stream as whole lines', () => {
  for (const piece of [1, 7, 1_000_000])
    it(`in pieces of ${piece} bytes`, () => {
      deepEqual(pour(Buffer.from('one\ntwo\r\n\nlast'), piece).lines, ['one', 'two\r', '', 'last']);
    });

  it('a line of just the limit is whole, wherever pieces of it end', () => {
    for (const piece of [1_000, 65_535, 65_536, 65_537, 1_000_000]) {
      const line = 'x'.repeat(LINE_LIMIT_BYTES);
      for (const end of ['\n', '']) {
        const { lines, cut } = pour(Buffer.from(`a\n${line}\n${line}${end}`), piece);
        deepEqual([cut, lines], [0, ['a', line, line]]);
      }
    }
  });

  it('a line beyond the limit is cut there, counted once, and the next is whole again', () => {
    for (const piece of [1_000, 65_536, 1_000_000]) {
      const { lines, cut } = pour(Buffer.from(`a\n${'x'.repeat(300_000)}\nb\n`), piece);
      equal(cut, 1);
      deepEqual([lines.length, lines[0], lines[1]?.length, lines[2]], [3, 'a', LINE_LIMIT_BYTES, 'b']);
    }
  });
});
