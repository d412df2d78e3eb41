import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_TEXT_LIMITS } from '../../protocol/event.ts';
import {
  encodeBody,
  encodeEvent,
  LINE_LIMIT_BYTES,
  readAgentMessage,
  readServerMessage,
  TOKEN_LIMIT_CHARS,
} from '../../protocol/messages.ts';
import { GAPS_PER_PING, KIND_LIMIT_CHARS, REPORT_TEXT_LIMIT_CHARS, SHAPES_PER_PING } from '../../protocol/report.ts';
import { OPEN_SESSIONS_LIMIT, SESSIONS_PER_PING, UNEXPLAINED_PER_PING } from '../../protocol/session.ts';
import { COUNT_LIMIT, JSON_DEPTH_LIMIT } from '../../protocol/values.ts';

const agent = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
const event = {
  type: 'event',
  seq: 1,
  at: '2026-11-23T19:46:01.123Z',
  outcome: 'failed',
  method: 'password',
  user: 'root',
  ip: '10.5.0.1',
  port: 52106,
};
const fault = (value: unknown): string => {
  const message = readAgentMessage(typeof value === 'string' ? value : JSON.stringify(value));
  return message.type === 'fault' ? `${message.code}: ${message.message}` : `taken as ${message.type}`;
};

test('what is no JSON object is bad_json', () => {
  for (const line of ['', 'hello', '[]', 'null', '1', '"x"', '{"type":"ping"'])
    assert.match(fault(line), /^bad_json: /, line);
});

test('an unknown type is an error, an unknown field is not [P3]', () => {
  assert.equal(fault({ type: 'bye' }), 'bad_message: unknown type');
  assert.equal(fault({}), 'bad_message: unknown type');
  assert.equal(fault({ ...event, weather: 'fine' }), 'taken as event');
});

test('an event with a wrong field is refused by its name [P8]', () => {
  const wrong: [object, RegExp][] = [
    [{ seq: 0 }, /seq/],
    [{ seq: 1.5 }, /seq/],
    [{ seq: '1' }, /seq/],
    [{ seq: COUNT_LIMIT + 1 }, /seq/],
    [{ seq: 2 ** 53 }, /seq/],
    [{ at: 'yesterday' }, /at must/],
    [{ at: null }, /at must/],
    [{ at: '2026-13-45T00:00:00Z' }, /at must/],
    [{ at: '2026-02-30T00:00:00Z' }, /at must/],
    [{ at: '2026-02-29T00:00:00Z' }, /at must/],
    [{ at: '2026-02-28T24:00:00Z' }, /at must/],
    [{ at: '+10000-01-01T00:00:00Z' }, /at must/],
    [{ outcome: 'maybe' }, /outcome/],
    [{ method: 5 }, /method/],
    [{ method: null }, /method/],
    [{ port: 65_536 }, /port/],
    [{ port: -1 }, /port/],
    [{ port: '22' }, /port/],
    [{ invalidUser: 'no' }, /invalidUser/],
    [{ user: {} }, /user/],
    [{ ip: ['1.2.3.4'] }, /ip/],
    [{ ip: 'UNKNOWN' }, /ip must be a numeric address/],
    [{ ip: '' }, /ip must/],
    [{ ip: '999.1.1.1' }, /ip must/],
    [{ ip: '192.0.2.0/24' }, /ip must/],
    [{ host: 7 }, /host/],
    [{ host: '' }, /host must be a name/],
    [{ host: 'web 1' }, /host must/],
    [{ host: 'web\u00001' }, /host must/],
    [{ host: 'web\u202e1' }, /host must/],
    [{ trust: 'sure' }, /trust must be journal, syslog or forgeable/],
    [{ trust: 1 }, /trust/],
    [{ pid: 0 }, /pid must be a whole number from 1 to 2147483647/],
    [{ pid: 2 ** 31 }, /pid/],
    [{ pid: 1.5 }, /pid/],
    [{ pid: '7' }, /pid/],
  ];
  for (const [change, why] of wrong) assert.match(fault({ ...event, ...change }), why, JSON.stringify(change));
});

test('every text of an event has a limit that is taken, and one character more is not [P8]', () => {
  for (const [field, limit] of Object.entries(EVENT_TEXT_LIMITS)) {
    if (field === 'ip') continue; // No address is as long.
    assert.equal(fault({ ...event, [field]: 'x'.repeat(limit) }), 'taken as event', field);
    assert.match(fault({ ...event, [field]: 'x'.repeat(limit + 1) }), new RegExp(`${field} is longer`), field);
  }
});

test('an address is taken in both families, with a scope too; a name is taken in any script', () => {
  for (const ip of ['192.0.2.1', '2001:db8::1', 'fe80::1%eth0', '::ffff:192.0.2.1'])
    assert.equal(fault({ ...event, ip }), 'taken as event', ip);
  for (const host of ['web-1', 'web_1.example.', 'höst', '[2001:db8::1]'])
    assert.equal(fault({ ...event, host }), 'taken as event', host);
});

test('objects nest as deep as the limit and no deeper; brackets in a text do not count [P1]', () => {
  const nested = (levels: number): string => `{"type":"ping","x":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
  assert.equal(fault(nested(JSON_DEPTH_LIMIT)), 'taken as ping');
  assert.match(fault(nested(JSON_DEPTH_LIMIT + 1)), /^bad_json: .*nested 16 levels at most/);
  assert.match(fault(nested(32_000)), /^bad_json: /);
  assert.equal(fault({ ...event, user: '[{"\\['.repeat(100) }), 'taken as event');
});

test('a report and a gap with a number beyond the limit are passed over', () => {
  const report = {
    state: 'behind',
    behindBytes: 0,
    sentSeq: 0,
    waiting: 0,
    linesRead: 0,
    linesUnknown: 0,
    linesForged: 0,
  };
  const gap = { id: 1, at: '2026-11-23T19:46:01.123Z', kind: 'k', text: 't', bytes: null, lines: null };
  const ping = (over: number) =>
    readAgentMessage(
      JSON.stringify({
        type: 'ping',
        report: { ...report, declaredLost: COUNT_LIMIT + over },
        gaps: [{ ...gap, bytes: COUNT_LIMIT + over }],
      }),
    );
  assert.partialDeepStrictEqual(ping(0), { report: { declaredLost: COUNT_LIMIT }, gaps: [{ bytes: COUNT_LIMIT }] });
  assert.partialDeepStrictEqual(ping(1), { report: null, gaps: [] });
});

test('a hello needs a version, a UUID and a name [P4]', () => {
  const hello = { type: 'hello', version: 1, agent, host: 'h' };
  assert.equal(fault(hello), 'taken as hello');
  assert.equal(fault({ ...hello, token: 'x'.repeat(TOKEN_LIMIT_CHARS) }), 'taken as hello');
  for (const change of [
    { agent: 'me' },
    { host: '' },
    { host: 'x'.repeat(256) },
    { version: '1' },
    { token: 1 },
    { token: 'x'.repeat(TOKEN_LIMIT_CHARS + 1) },
  ])
    assert.match(fault({ ...hello, ...change }), /^bad_message: hello/, JSON.stringify(change).slice(0, 60));
});

test('what an event says comes out of the wire as it went in, times in UTC milliseconds', () => {
  const given = {
    at: '2026-11-23T20:46:01.123456+01:00',
    outcome: 'probe',
    method: null,
    user: 'a"\u001b b',
    invalidUser: true,
    ip: null,
    port: 0,
    reason: 'timeout',
    key: null,
    host: null,
    trust: 'journal',
    pid: 2 ** 31 - 1,
  } as const;
  const message = readAgentMessage(encodeEvent(7, encodeBody(given)));
  assert.deepEqual(message, { type: 'event', seq: 7, event: { ...given, at: '2026-11-23T19:46:01.123Z' } });
});

test('an event of an older agent has no trust and no pid, and null is taken for either', () => {
  for (const change of [{}, { trust: null, pid: null }]) {
    const message = readAgentMessage(JSON.stringify({ ...event, ...change }));
    assert.ok(message.type === 'event');
    assert.deepEqual([message.event.trust, message.event.pid], [null, null]);
  }
});

test('the largest event and the fullest ping stay below the line limit', () => {
  const texts = Object.fromEntries(
    Object.entries(EVENT_TEXT_LIMITS).map(([field, limit]) => [field, '\u0001'.repeat(limit)]),
  );
  const line = encodeEvent(Number.MAX_SAFE_INTEGER, encodeBody({ ...event, ...texts } as never));
  assert.ok(Buffer.byteLength(line) < LINE_LIMIT_BYTES);
  const text = '\u0001'.repeat(REPORT_TEXT_LIMIT_CHARS);
  const shapes = Array(SHAPES_PER_PING).fill({
    shape: text,
    sample: text,
    count: 1e15,
    firstAt: event.at,
    lastAt: event.at,
  });
  const gaps = Array(GAPS_PER_PING).fill({ id: 1e15, at: event.at, kind: 'rotated-away', text, bytes: 1, lines: 1 });
  assert.ok(Buffer.byteLength(JSON.stringify({ type: 'ping', shapes, gaps })) < LINE_LIMIT_BYTES);
});

test('a ping is never refused for what it tells; what is not well formed is left out', () => {
  const shape = { shape: 'a N b', sample: 'a 1 b', count: 1, firstAt: null, lastAt: null };
  const line = JSON.stringify({
    type: 'ping',
    report: { state: 'sleepy' },
    shapes: [shape, { shape: 1 }, null],
    gaps: 'none',
  });
  assert.deepEqual(readAgentMessage(line), { type: 'ping', report: null, shapes: [shape], gaps: [], open: null });
  const many = JSON.stringify({ type: 'ping', shapes: Array(SHAPES_PER_PING + 1).fill(shape) });
  const ping = readAgentMessage(many);
  assert.equal(ping.type === 'ping' && ping.shapes.length, SHAPES_PER_PING);
});

test('a gap and a shape are kept whose text or sample is too long: it is cut to the limit', () => {
  const gap = { id: 1, at: event.at, kind: 'rotated-away', text: '', bytes: null, lines: null };
  const shape = { shape: 'a * b', sample: '', count: 1, firstAt: null, lastAt: null };
  for (const chars of [REPORT_TEXT_LIMIT_CHARS, REPORT_TEXT_LIMIT_CHARS + 1, 4_096]) {
    const text = 'x'.repeat(chars);
    const ping = { type: 'ping', gaps: [{ ...gap, text }], shapes: [{ ...shape, sample: text }] };
    const cut = 'x'.repeat(REPORT_TEXT_LIMIT_CHARS);
    assert.partialDeepStrictEqual(readAgentMessage(JSON.stringify(ping)), {
      gaps: [{ ...gap, text: cut }],
      shapes: [{ ...shape, sample: cut }],
    });
  }
  // A shape tells its messages from others, and a kind is a word: neither is cut.
  const long = {
    gaps: [{ ...gap, kind: 'k'.repeat(KIND_LIMIT_CHARS + 1) }],
    shapes: [{ ...shape, shape: 'x'.repeat(257) }],
  };
  assert.partialDeepStrictEqual(readAgentMessage(JSON.stringify({ type: 'ping', ...long })), { gaps: [], shapes: [] });
});

test('a server message that cannot be read is a fault, not an exception', () => {
  for (const line of [
    '',
    '{}',
    '{"type":"ack"}',
    '{"type":"welcome","seq":1}',
    '{"type":"ack","seq":-1}',
    '{"type":"error"}',
  ])
    assert.equal(readServerMessage(line).type, 'fault', line);
  assert.deepEqual(readServerMessage('{"type":"welcome","version":1,"seq":3,"more":1}'), {
    type: 'welcome',
    version: 1,
    seq: 3,
  });
});

const END = {
  ...{ type: 'end', end: 3, at: '2026-11-29T08:00:00Z', session: 5, user: 'alice', ip: '192.0.2.10', port: 50_022 },
  ...{ pid: 4_711, lastedSeconds: 3_600, how: 'closed', more: 1 },
};

test('the end of a session is read; null stands for what is left out', () => {
  const { type: _, end: number, more: __, ...end } = END;
  assert.deepEqual(readAgentMessage(JSON.stringify(END)), {
    type: 'end',
    number,
    end: { ...end, at: '2026-11-29T08:00:00.000Z', host: null },
  });
  const least = { type: 'end', end: 1, at: END.at, how: 'unknown' };
  const none = { session: null, user: null, ip: null, port: null, pid: null, lastedSeconds: null, host: null };
  assert.deepEqual(readAgentMessage(JSON.stringify(least)), {
    type: 'end',
    number: 1,
    end: { at: '2026-11-29T08:00:00.000Z', how: 'unknown', ...none },
  });
});

test('the end of a session that is not one is a fault, which names the field [P14]', () => {
  const wrong = {
    end: 0,
    at: 'now',
    session: 0,
    user: 'x'.repeat(1_025),
    ip: 'client.example',
    port: 65_536,
    pid: 0,
    lastedSeconds: -1,
    how: 'left',
    host: 'a b',
  };
  for (const [field, value] of Object.entries(wrong)) {
    const message = readAgentMessage(JSON.stringify({ ...END, [field]: value }));
    assert.ok(message.type === 'fault' && message.message.includes(field), JSON.stringify(message));
  }
});

test('a list of open sessions is left out of a ping where it is none, and its bounds hold', () => {
  const open = { at: END.at, sessions: 2, from: 0, list: [6, 7], unexplained: [] };
  const read = (given: unknown) => {
    const ping = readAgentMessage(JSON.stringify({ type: 'ping', open: given }));
    return ping.type === 'ping' ? ping.open : null;
  };
  assert.deepEqual(read(open)?.list, [6, 7]);
  const many = Array.from({ length: SESSIONS_PER_PING + 1 }, (_, i) => i + 1);
  for (const wrong of [
    { sessions: 1 },
    { sessions: OPEN_SESSIONS_LIMIT + 1 },
    { list: [7, 6] },
    { list: [6, 6] },
    { list: ['6'] },
    { list: many, sessions: many.length },
    { from: -1 },
    { at: 'now' },
    { confirmedAt: 'now' },
    { loginGraceSeconds: 604_801 },
    { from: 1, list: [] },
    { unconfirmed: [5, 6, 7] },
  ])
    assert.equal(read({ ...open, ...wrong }), null, JSON.stringify(wrong).slice(0, 80));
  const stranger = { ip: '198.51.100.9', port: 40_022, since: END.at };
  const unexplained = [...Array(UNEXPLAINED_PER_PING).fill(stranger), { ...stranger, ip: '192.0.2.1' }, { ip: 1 }];
  assert.equal(read({ ...open, unexplained })?.unexplained.length, UNEXPLAINED_PER_PING);
  assert.deepEqual(read({ ...open, unexplained: [{ ip: 1 }, stranger] })?.unexplained, [stranger]);
  assert.deepEqual(read({ ...open, from: 1, list: [7], unexplained: [stranger] })?.unexplained, []);
  assert.deepEqual(read({ ...open, sessions: 0, list: [] })?.list, []);
});
