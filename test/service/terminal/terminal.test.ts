import { deepEqual, doesNotMatch, equal, match, ok } from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { wrapped } from '../../../service/terminal/display-width.ts';
import { terminalOf } from '../../../service/terminal/style.ts';
import { table } from '../../../service/terminal/table.ts';

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

it('columns that may be spared go before the line is too long, and text columns keep something to read', () => {
  const columns = [
    { title: 'host' },
    { title: 'state', spare: 1 },
    { title: 'attempts', number: true },
    { title: 'last heard of', spare: 2 },
  ];
  const rows = [['h'.repeat(30), 's'.repeat(30), 12_345, '2026-11-24 12:00']];
  const titles = (width: number) =>
    table(columns, rows, { columns: width, colour: false }).split('\n')[0]?.split(/ {2,}/);
  deepEqual(titles(200), ['host', 'state', 'attempts', 'last heard of']);
  deepEqual(titles(40), ['host', 'state', 'attempts', 'last hea…']);
  deepEqual(titles(20), ['host', 'state', 'attempts', 'last hea…'], 'below 40 it is cut on the right');
  const wide = [...columns.slice(0, 3), { title: 'a number', number: true }, { title: 'last heard of', spare: 2 }];
  const six = [['h'.repeat(30), 's'.repeat(30), 12_345, 7, '2026-11-24 12:00']];
  const [head = '', row = ''] = table(wide, six, { columns: 40, colour: false }).split('\n');
  deepEqual(head.split(/ {2,}/), ['host', 'state', 'attempts', 'a number']);
  match(row, /^h+… {2}s+… {4}12,345 {9}7$/);
  ok(row.length <= 40);
});

it('a column of times is shown whole or not at all', () => {
  const columns = [{ title: 'host' }, { title: 'seen', whole: true, spare: 1 }];
  const rows = [['h'.repeat(40), '2026-11-24 12:00']];
  match(table(columns, rows, { columns: 40, colour: false }), /^h+… {2}2026-11-24 12:00$/m);
  const more = [...columns, { title: 'attempts made', number: true }];
  doesNotMatch(table(more, [[...(rows[0] ?? []), 1]], { columns: 40, colour: false }), /2026/);
});

it('text is broken between words, with what it began with and an indent', () => {
  equal(
    wrapped('  warning: ada failed from 29 addresses', 20, '    '),
    '  warning: ada\n    failed from 29\n    addresses',
  );
  equal(wrapped('a verylongwordthatdoesnotfit b', 10), 'a\nverylongwordthatdoesnotfit\nb');
  equal(wrapped('  as it is', undefined, '    '), '  as it is');
});

it('colour is in the titles alone, and takes no room', () => {
  const rows = [['bob', 2]];
  const coloured = table(COLUMNS, rows, { columns: 80, colour: true });
  ok(coloured.startsWith('\u001b[1muser'));
  equal(stripVTControlCharacters(coloured), table(COLUMNS, rows, { columns: 80, colour: false }));
});

it('COLUMNS goes before the terminal’s own width, gives one to a pipe, and is left alone where it is none', () => {
  const pipe = new PassThrough();
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 132 });
  equal(terminalOf(pipe).columns, undefined);
  equal(terminalOf(terminal).columns, 132);
  equal(terminalOf(terminal, '80').columns, 80);
  equal(terminalOf(pipe, '80').columns, 80);
  for (const wrong of ['', '0', '-1', 'wide', '1e9']) equal(terminalOf(terminal, wrong).columns, 132, wrong);
});
