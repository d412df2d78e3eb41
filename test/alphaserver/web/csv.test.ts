import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvRows } from '../../../alphaserver/web/csv.ts';

const cellOf = (text: string): string => csvRows(['a'], [{ a: text }]).trimEnd();

test('what a spreadsheet takes for a formula is disarmed, at the start and behind a semicolon, in wide forms and after spaces', () => {
  for (const [given, written] of [
    ['=1+1', `"'=1+1"`],
    ['+1', `"'+1"`],
    ['-1', `"'-1"`],
    ['@SUM(A1)', `"'@SUM(A1)"`],
    ['  =1', `"  '=1"`],
    ['\uff1d1', `"'\uff1d1"`],
    ['x;=1+1', `"x;'=1+1"`],
    ['x; @a;-b', `"x; '@a;'-b"`],
    ['\t=1', '\\u0009=1'],
  ] as const)
    assert.equal(cellOf(given), written, given);
});

test('a cell has at most 8,192 characters', () => {
  assert.equal(cellOf('x'.repeat(8_192)), 'x'.repeat(8_192));
  assert.equal(cellOf('x'.repeat(8_193)), `${'x'.repeat(8_191)}…`);
});

test('a text without one stays as it is', () => {
  for (const text of ['root', 'a=b', 'a;b', '2001:db8::1', 'x-y@z']) assert.equal(cellOf(text), text);
});
