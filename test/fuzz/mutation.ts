/** Mutates inputs as fuzzers do: bytes flipped, cut, repeated and taken from other inputs, all from one seed. */
import type { Chance } from '../sshd/chance.ts';

/** Texts that parsers trip over. */
const TRICKY: readonly Buffer[] = [
  ...[
    '\n',
    '\r\n',
    '\0',
    '"',
    "'",
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '-',
    '.',
    '%',
    '%00',
    '%zz',
    '&',
    '=',
    '*',
    '/',
    '#',
  ],
  ...[
    '9007199254740993',
    '-1',
    '0',
    '1e999',
    'NaN',
    'null',
    'true',
    '[]',
    '{}',
    '""',
    '\\u0000',
    '\\ud800',
    '\u202e',
    '\ufeff',
    '\x1b[31m',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    '9999-12-31T23:59:59Z',
    '2026-02-30T00:00:00Z',
    '::ffff:1.2.3.4',
    '::1%eth0',
  ],
  ...[
    'ssh2',
    ' port ',
    ' from ',
    'invalid user ',
    ' [preauth]',
    'message repeated 2 times: [ ',
    'Accepted password for root from 192.0.2.1 port 1 ssh2',
  ],
].map((text) => Buffer.from(text, 'utf8'));

/** Inputs grow no longer than this: limits of length have tests of their own. */
const INPUT_LIMIT_BYTES = 20_000;
const MOST_MUTATIONS = 6;
/** One of so many repetitions is a long one: those cost as much as all others. */
const RARELY = 16;

/** Returns a new input, made of one of the corpus by a few mutations. */
export function mutated(corpus: readonly Buffer[], chance: Chance): Buffer {
  let input: Buffer = Buffer.from(chance.one(corpus));
  for (let left = 1 + chance.below(MOST_MUTATIONS); left > 0; left--) input = mutate(input, corpus, chance);
  return input.subarray(0, INPUT_LIMIT_BYTES);
}

function mutate(input: Buffer, corpus: readonly Buffer[], chance: Chance): Buffer {
  const at = chance.below(input.length + 1);
  const length = chance.below(Math.min(64, input.length - at) + 1);
  const around = (middle: Uint8Array, removed = 0): Buffer =>
    Buffer.concat([input.subarray(0, at), middle, input.subarray(at + removed)]);
  switch (chance.below(9)) {
    case 0: {
      if (at < input.length) input[at] = (input[at] ?? 0) ^ (1 << chance.below(8));
      return input;
    }
    case 1:
      return around(Buffer.from([chance.below(256)]));
    case 2:
      return around(chance.one(TRICKY));
    case 3:
      return around(chance.one(TRICKY), length);
    case 4:
      return around(Buffer.alloc(0), length);
    case 5:
      return Buffer.from(input.subarray(0, at));
    case 6: {
      // Now and then repeated up to a few hundred times: what is quadratic shows.
      const piece = input.subarray(at, at + length);
      const most = chance.below(RARELY) === 0 ? 200 : 6;
      return around(Buffer.concat(Array.from({ length: 1 + chance.below(most) }, () => piece)));
    }
    case 7: {
      const other = chance.one(corpus);
      const from = chance.below(other.length + 1);
      return around(other.subarray(from, from + 1 + chance.below(200)), length);
    }
    default: {
      const other = chance.one(corpus);
      return Buffer.concat([input.subarray(0, at), other.subarray(chance.below(other.length + 1))]);
    }
  }
}
