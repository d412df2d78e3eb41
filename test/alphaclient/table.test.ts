import { equal, match, ok } from 'node:assert/strict';
import { it } from 'node:test';
import { printable } from '../../alphaclient/printable.ts';
import { table } from '../../alphaclient/table.ts';

const COLUMNS = [{ title: 'user' }, { title: 'attempts', number: true }];

it('a table fits a narrow terminal, and is as wide as it must be for a pipe', () => {
  const rows = [
    ['a'.repeat(50), 1_234_567],
    ['bob', 2],
  ];
  for (const columns of [40, 60])
    for (const line of table(COLUMNS, rows, { columns, colour: false }).split('\n')) ok(line.length <= columns, line);
  match(table(COLUMNS, rows, { columns: undefined, colour: false }), /^a{50} +1,234,567$/m);
});

it('without colour there is not one escape sequence in it', () => {
  ok(!table(COLUMNS, [['\u001b[31mx', 1]], { columns: 80, colour: false }).includes('\u001b'));
});

it('text of others moves no cursor, hides nothing, turns nothing around', () => {
  equal(printable('a\u001b[2J\u202e\u0007\u200bé用'), 'a\\x1b[2J\\u{202e}\\x07\\u{200b}é用');
  equal(printable('x'.repeat(100), 10), `${'x'.repeat(9)}…`);
});
