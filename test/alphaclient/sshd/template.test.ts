/** The language in which the table of messages is written. */

import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { logText } from '../../../alphaclient/sshd/log-text.ts';
import { MESSAGE_ROWS } from '../../../alphaclient/sshd/message-parser.ts';
import { type MessageRow, ParsedMessage } from '../../../alphaclient/sshd/message-types.ts';
import { Template } from '../../../alphaclient/sshd/template.ts';
import { Chance } from '../../sshd/chance.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);
const ORDINARY_TRIES = 200;
/** Words that make of an ordinary message one that is not. */
const WORDS = [
  ' from ',
  ' port ',
  ' port 65536',
  'invalid user ',
  'user ',
  ': ',
  ':',
  ' ssh2',
  ' ',
  '\\',
  '::1',
  '192.0.2.300',
  '01.2.3.4',
  '9',
  'x',
  '/',
];

const ROW: MessageRow = { name: 'x', kind: 'ended', versions: '', template: '', meaning: '', example: '' };

/** What a template takes from a text; null where it does not match. */
function read(template: string, text: string): Partial<ParsedMessage> | null {
  const message = new ParsedMessage(ROW);
  if (!new Template(template).read(logText(text), message, false, 0, text.length)) return null;
  const untouched = new ParsedMessage(ROW);
  return Object.fromEntries(
    Object.entries(message).filter(([field, value]) => value !== untouched[field as keyof ParsedMessage]),
  );
}

describe('a template', () => {
  it('matches the whole of a text, and what stands in brackets may be missing', () => {
    deepEqual(read('x of {peer}[ {protocol}]', 'x of 192.0.2.10 port 7 ssh2'), { ip: '192.0.2.10', port: 7 });
    deepEqual(read('x of {peer}[ {protocol}]', 'x of client.example'), { hostName: 'client.example' });
    equal(read('x of {peer}[ {protocol}]', 'x of 192.0.2.10 port 7 ssh2 and more'), null);
    deepEqual(read('x of {peer} {rest}', 'x of 192.0.2.10 port 7 ssh2 and more'), { ip: '192.0.2.10', port: 7 });
  });

  it('takes double brackets and all signs of expressions for themselves', () => {
    deepEqual(read('a.b*(c) [[{address}]]:{port}', 'a.b*(c) [192.0.2.10]:7'), { ip: '192.0.2.10', port: 7 });
    equal(read('a.b*(c) [[{address}]]:{port}', 'axb*(c) [192.0.2.10]:7'), null);
  });

  it('gives a name all that stands before what sshd wrote behind it', () => {
    deepEqual(read('x {user} from {peer}', 'x a from 192.0.2.1 port 1 from 192.0.2.10 port 7'), {
      user: 'a from 192.0.2.1 port 1',
      ip: '192.0.2.10',
      port: 7,
    });
    equal(read('x {user} from {peer}', 'x a:b from 192.0.2.10 port 7'), null);
  });

  it('reads an empty name, with both blanks around it and with one', () => {
    for (const text of ['x  from 192.0.2.10', 'x from 192.0.2.10'])
      deepEqual(read('x {user} from {peer}', text), { user: '', ip: '192.0.2.10' });
    for (const text of ['x invalid user  from 192.0.2.10', 'x invalid user from 192.0.2.10'])
      deepEqual(read('x [invalid user ]{user} from {peer}', text), { user: '', invalidUser: true, ip: '192.0.2.10' });
    for (const text of ['x invalid user  192.0.2.10 port 7', 'x invalid user 192.0.2.10 port 7'])
      deepEqual(read('x {client}', text), { user: '', invalidUser: true, ip: '192.0.2.10', port: 7 });
  });

  it('reads a last hole from which syslog took the blank before it', () => {
    deepEqual(read('x for {user}', 'x for'), { user: '' });
    deepEqual(read('x[ for {user}]', 'x for'), { user: '' });
    deepEqual(read('x[ for {user}]', 'x'), {});
    deepEqual(read('x: {reason}', 'x:'), { reason: '' });
    equal(read('x: {rest}', 'x:'), null);
  });

  it('ends a reason at the first of what follows it, and text at the last', () => {
    deepEqual(read('{reason} for {user} from {peer}', 'a for b for c from 192.0.2.10'), {
      reason: 'a',
      user: 'b for c',
      ip: '192.0.2.10',
    });
    deepEqual(read("x '{text}' from {peer}", "x 'a' from 192.0.2.1' from 192.0.2.10"), { ip: '192.0.2.10' });
  });

  it('does not take the number of a port for an address', () => {
    for (const name of ['a', 'a port', '192.0.2.1 port', '192.0.2.1 port 5'])
      for (const [peer, ip] of [
        ['192.0.2.10 port 7', '192.0.2.10'],
        ['2001:db8:: port 7', '2001:db8::'],
        ['2001:db8::1 port 7', '2001:db8::1'],
      ] as const)
        for (const [template, end] of [
          ['x {client}', ''],
          ['x {client}: {rest}', ': y'],
          ['x {client} timed out', ' timed out'],
        ] as const)
          deepEqual(
            read(template, `x authenticating user ${name} ${peer}${end}`),
            { user: name, invalidUser: false, ip, port: 7 },
            template,
          );
  });

  it('makes an end of a client that had logged in the end of its session', () => {
    equal(read('x {client}', 'x user alice 192.0.2.10 port 7')?.kind, 'session-ended');
    equal(read('x {client}', 'x authenticating user alice 192.0.2.10 port 7')?.kind, undefined);
  });

  it('takes no port above 65,535, and no name alone for a peer before a colon', () => {
    equal(read('x {peer}', 'x 192.0.2.10 port 65536'), null);
    equal(read('x {peer}: {rest}', 'x client.example: y'), null);
    deepEqual(read('x {peer}: {rest}', 'x client.example port 7: y'), { hostName: 'client.example', port: 7 });
    deepEqual(read('x {peer}: {rest}', 'x UNKNOWN: y'), { hostName: 'UNKNOWN' });
  });

  it('is refused where its brackets do not fit, a hole has no type, or it would take quadratic time', () => {
    for (const template of ['a [b', 'a b]', 'a [b [c]]', 'a {b', 'a }b'])
      throws(() => new Template(template), /do not fit/);
    throws(() => new Template('a {name}'), /no hole is called \{name\}/);
    throws(() => new Template('a {user} b {text} c'), /more than one hole/);
  });

  it(`reads the ordinary form of a message as its expression reads it (SEED=${SEED})`, () => {
    const chance = new Chance(SEED);
    let ordinary = 0;
    for (const row of MESSAGE_ROWS) {
      const template = new Template(row.template, row.reasonPrefix);
      for (let i = 0; i < ORDINARY_TRIES; i++) {
        let text = row.example.replace(/^(?:error|fatal): | \[preauth\]$/g, '');
        const at = chance.below(text.length + 1);
        if (i > 0) text = text.slice(0, at) + chance.one(WORDS) + text.slice(at + chance.below(3));
        const [message, expected] = [new ParsedMessage(row), new ParsedMessage(row)];
        const is = template.read(logText(text), message, false, 0, text.length);
        equal(is, template.readByExpression(logText(text), expected, false, 0, text.length), text);
        if (is) deepEqual(message, expected, text);
        if (is && message.ip !== null) ordinary++;
      }
    }
    ok(ordinary > MESSAGE_ROWS.length, `${ordinary} with an address`);
  });
});
