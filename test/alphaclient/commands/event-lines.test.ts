import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventLines, type Span, scanLine } from '../../../alphaclient/commands/event-lines.ts';
import type { LocatedEvent } from '../../../alphaclient/sshd/events.ts';
import type { Outcome, Trust } from '../../../protocol/event.ts';
import { Random } from '../../demo/random.ts';

/** Characters that JSON escapes, that UTF-8 takes one to four bytes for, and halves of pairs. */
const CHARS = [
  'a',
  ' ',
  '"',
  '\\',
  '\n',
  '\u0000',
  '\u001b',
  '\u007f',
  '\u00fc',
  '\u2028',
  '\u20ac',
  '\u{1f600}',
  '\ud800',
] as const;

function textOf(random: Random, limit: number): string | null {
  if (random.chance(0.3)) return null;
  const isPlain = random.chance(0.5);
  return Array.from({ length: random.whole(0, limit) }, () => (isPlain ? 'x' : random.pick(CHARS))).join('');
}

function eventOf(random: Random): LocatedEvent {
  const event = {
    at: random.pick([null, '2026-11-20T10:00:00.000Z', '2026-11-20T10:00:01.000Z']),
    outcome: random.pick<Outcome>(['accepted', 'failed', 'probe']),
    method: textOf(random, 5),
    user: textOf(random, 1_024),
    invalidUser: random.pick([null, true, false]),
    ip: random.pick([null, '192.0.2.1', '2001:db8::1%eth0']),
    port: random.pick([null, 0, 7, 10, 65_535]),
    host: random.pick([null, 'web', 'b\u00fcro']),
    key: random.chance(0.1) ? textOf(random, 2_048) : null,
    reason: random.chance(0.3) ? textOf(random, 1_024) : null,
  };
  const line = random.pick([1, 9, 10, 4_294_967_296, 999_999_999_999]);
  return { event, line, pid: null, session: 0, trust: random.pick<Trust>(['journal', 'syslog', 'forgeable']) };
}

function expectedOf({ event, line, trust }: LocatedEvent, file?: string): string {
  const { at, outcome, method, user, invalidUser, ip, port, host, reason, key } = event;
  return JSON.stringify({ line, file, at, outcome, method, user, invalidUser, ip, port, host, reason, key, trust });
}

describe('lines of events', () => {
  it('are what JSON.stringify writes, whatever texts are in them, and stay so where they are moved', (t) => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
    t.diagnostic(`SEED=${seed}`);
    const random = new Random(seed);
    const lines = new EventLines();
    let spans: Span[] = [];
    let expected: string[] = [];
    for (let round = 0; round < 40; round++) {
      for (let n = random.whole(1, 50); n > 0; n--) {
        const located = eventOf(random);
        const file = random.pick([null, '/var/log/auth.log', '"\u00fc".log']);
        spans.push(lines.add(located, located.line, file));
        expected.push(`${expectedOf(located, file ?? undefined)}\n`);
      }
      deepEqual(
        spans.map(({ from, end }) => lines.buffer.toString('utf8', from, end)),
        expected,
      );
      const isKept = spans.map(() => random.chance(0.4));
      spans = spans.filter((_, i) => isKept[i]);
      expected = expected.filter((_, i) => isKept[i]);
      lines.keep(spans);
      equal(lines.length, Buffer.byteLength(expected.join('')));
    }
  });

  it('are as well written one at a time', () => {
    const located = eventOf(new Random(1));
    equal(scanLine(located), expectedOf(located));
    equal(scanLine(located, 'auth.log'), expectedOf(located, 'auth.log'));
  });
});
