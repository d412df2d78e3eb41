import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PingBuilder, type PingSources } from '../../../alphaclient/uplink/ping.ts';
import { encode, LINE_LIMIT_BYTES } from '../../../protocol/messages.ts';
import {
  type DeclaredGap,
  REPORT_TEXT_LIMIT_CHARS,
  SHAPES_PER_PING,
  type ShapeCount,
} from '../../../protocol/report.ts';
import { type OpenSessions, SESSIONS_PER_PING, UNEXPLAINED_PER_PING } from '../../../protocol/session.ts';
import { CAUGHT_UP } from '../../wire-messages.ts';

const AT = '2026-11-23T19:46:01.123Z';

const builder = (sources: Partial<PingSources>): PingBuilder =>
  new PingBuilder({ report: () => CAUGHT_UP, shapes: () => [], gapsAfter: () => [], open: () => null, ...sources });

const gaps = (text: string) => (after: number, limit: number) =>
  Array.from({ length: limit }, (_, i): DeclaredGap => {
    return { id: after + i + 1, at: AT, kind: 'rotated-away', text, bytes: 1, lines: null };
  });

test('the text of a gap and the sample of a shape are cut to what a server keeps', () => {
  for (const chars of [REPORT_TEXT_LIMIT_CHARS, REPORT_TEXT_LIMIT_CHARS + 1]) {
    const text = 'x'.repeat(chars);
    const shape: ShapeCount = { shape: 'a', sample: text, count: 1, firstAt: AT, lastAt: AT };
    const [ping] = builder({ gapsAfter: gaps(text), shapes: () => [shape] }).next(true);
    assert.deepEqual(new Set(ping.gaps.map((gap) => gap.text.length)), new Set([REPORT_TEXT_LIMIT_CHARS]));
    assert.equal(ping.shapes[0]?.sample.length, REPORT_TEXT_LIMIT_CHARS);
  }
});

test('no ping is longer than a line may be, whatever stands in a log, its path, and the list of sessions', () => {
  const shapes = Array.from({ length: SHAPES_PER_PING }, (_, i): ShapeCount => {
    return { shape: `${i}${'\u20ac'.repeat(158)}`, sample: '\u20ac'.repeat(300), count: i, firstAt: AT, lastAt: AT };
  });
  const list = Array.from({ length: SESSIONS_PER_PING }, (_, i) => 1e9 + i);
  const unexplained = Array(UNEXPLAINED_PER_PING).fill({
    ip: '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
    port: 50_022,
    since: AT,
  });
  const open: OpenSessions = {
    ...{ at: AT, sessions: list.length, from: 0, list, unconfirmed: list, confirmedAt: AT, blind: null, unexplained },
    loginGraceSeconds: 120,
  };
  // Two paths of the longest that Linux has.
  const pings = builder({ gapsAfter: gaps('\u20ac'.repeat(8_192)), shapes: () => shapes, open: () => open }).next(true);
  for (const ping of pings) {
    const bytes = Buffer.byteLength(encode({ type: 'ping', ...ping }));
    assert.ok(bytes <= LINE_LIMIT_BYTES, `${bytes} bytes`);
  }
  assert.equal(pings.flatMap((ping) => ping.shapes).length, SHAPES_PER_PING);
  assert.deepEqual(
    pings.flatMap((ping) => ping.open?.list ?? []),
    list,
  );
});
