import { doesNotMatch, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { escapedText } from '../../alphaserver/web/page/escaped.js';
import { escapeJson, escapeText } from '../../service/escape.ts';
import { createLogger } from '../../service/logger.ts';
import { table } from '../../service/terminal/table.ts';

/** One of each kind that hides text, turns it around, moves a cursor or ends a line. */
const HOSTILE: readonly [name: string, character: string, escaped: string][] = [
  ['zero width space', '\u200b', '\\u200b'],
  ['right-to-left mark', '\u200f', '\\u200f'],
  ['Arabic letter mark', '\u061c', '\\u061c'],
  ['right-to-left override', '\u202e', '\\u202e'],
  ['right-to-left isolate', '\u2067', '\\u2067'],
  ['word joiner', '\u2060', '\\u2060'],
  ['byte order mark', '\ufeff', '\\ufeff'],
  ['soft hyphen', '\u00ad', '\\u00ad'],
  ['Hangul filler', '\u3164', '\\u3164'],
  ['variation selector', '\ufe0f', '\\ufe0f'],
  ['tag character', '\u{e0041}', '\\u{e0041}'],
  ['private use', '\ue000', '\\ue000'],
  ['lone surrogate', '\ud800', '\\ud800'],
  ['no-break space', '\u00a0', '\\u00a0'],
  ['escape', '\u001b', '\\u001b'],
  ['C1 control sequence introducer', '\u009b', '\\u009b'],
  ['delete', '\u007f', '\\u007f'],
  ['tab', '\t', '\\u0009'],
  ['line feed', '\n', '\\u000a'],
  ['line separator', '\u2028', '\\u2028'],
];

for (const [name, character, escaped] of HOSTILE) {
  test(`a ${name} is escaped in text, in JSON, in a log line, in a table and on the page`, () => {
    equal(escapeText(`a${character}b`), `a${escaped}b`);
    equal(escapedText(`a${character}b`), `a${escaped}b`);

    const json = escapeJson({ user: `a${character}b` });
    equal(escapeText(json), json);
    equal(JSON.parse(json).user, `a${character}b`);

    const lines: string[] = [];
    const log = createLogger({ level: 'info', format: 'plain', to: { write: (line) => lines.push(line) } });
    log.info(`user a${character}b`);
    equal(lines.join(''), `user a${escaped}b\n`);

    match(table([{ title: 'user' }], [[`a${character}b`]], { columns: undefined, colour: false }), /^a\\u\S+b$/m);
  });
}

test('text in any script stays as it is, and so does text that is escaped already', () => {
  for (const text of ['root', "a' or '1'='1", 'jürgen', 'ユーザー', 'مدير', '👩', 'a b', '\\u202e', 'e\u0301'])
    equal(escapeText(text), text);
});

test('a text above its limit is cut before escaping and never inside a surrogate pair', () => {
  equal(escapeText('x'.repeat(10), 10), 'x'.repeat(10));
  equal(escapeText('x'.repeat(11), 10), `${'x'.repeat(9)}…`);
  equal(escapeText('xx👩xx', 4), 'xx…');
  equal(escapeText('\u001b'.repeat(11), 2), '\\u001b…');
});

test('the page escapes the same characters as all else, in the same form, over all of Unicode', () => {
  for (let code = 0; code <= 0x10ffff; code += 1) {
    const text = `a${String.fromCodePoint(code)}b`;
    if (escapedText(text) !== escapeText(text)) equal(escapedText(text), escapeText(text));
  }
});

test('every character that is escaped is ASCII afterwards, so that escaping twice changes nothing', () => {
  for (let code = 0; code <= 0x10ffff; code += 1) {
    const character = String.fromCodePoint(code);
    const escaped = escapeText(character);
    if (escaped === character) continue;
    ok(/^\\u([0-9a-f]{4}|\{[0-9a-f]{5,6}\})$/.test(escaped), escaped);
    doesNotMatch(escapeJson(character), /[^ -~]/);
  }
});
