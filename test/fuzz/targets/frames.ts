/** Bytes of an agent's connection: frames of lines, and the messages in them. */
import { LineFramer } from '../../../protocol/framing.ts';
import { LINE_LIMIT_BYTES, readAgentMessage } from '../../../protocol/messages.ts';
import { COUNT_LIMIT } from '../../../protocol/values.ts';
import type { Target } from '../fuzz.ts';

const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
const event = { type: 'event', seq: 1, at: '2026-11-23T19:46:01.123Z', outcome: 'failed', method: 'password' };

/** Frames an input whole and in halves, and reads each line; what is taken must be within its bounds. */
export const frames: Target = {
  name: 'frames',
  seeds: [
    { type: 'hello', version: 1, agent: AGENT, host: 'h1', token: 'x', run: AGENT },
    { ...event, user: 'root', invalidUser: false, ip: '192.0.2.1', port: 1, pid: 4, trust: 'syslog', host: 'h2' },
    { ...event, outcome: 'accepted', method: 'publickey', key: 'ED25519 SHA256:abc', ip: '2001:db8::1%eth0' },
    { type: 'ping', open: { at: '2026-11-23T19:46:01.123Z', sessions: 2, from: 0, list: [6, 7], unexplained: [] } },
    { type: 'ping', report: { state: 'caught up', behindBytes: 0, sentSeq: 1 }, shapes: [], gaps: [] },
    {
      type: 'end',
      end: 3,
      at: '2026-11-29T08:00:00.000Z',
      session: 5,
      user: 'a',
      ip: '192.0.2.1',
      port: 1,
      how: 'closed',
    },
    { type: 'enroll', version: 1, code: 'x', csr: 'y', host: 'z' },
    { type: 'quit' },
  ].map((message) => `${JSON.stringify(message)}\n`),
  run(input) {
    const half = input.length >> 1;
    const lines = (pieces: readonly Buffer[]): string[] => {
      const framer = new LineFramer(LINE_LIMIT_BYTES);
      return pieces.flatMap((piece) => framer.feed(piece)).map((frame) => ('line' in frame ? frame.line : frame.fault));
    };
    const whole = lines([input]);
    const halves = lines([input.subarray(0, half), input.subarray(half)]);
    if (JSON.stringify(whole) !== JSON.stringify(halves)) throw new Error('two pieces give other lines than one');
    return whole.map((line) => {
      const message = readAgentMessage(line);
      if (message.type === 'fault') return `${message.code}: ${message.message}`;
      if (message.type !== 'event') return `${message.type} ${Object.keys(message).join()}`;
      if (!(message.seq >= 1 && message.seq <= COUNT_LIMIT)) throw new Error(`seq ${message.seq} was taken`);
      if (Number.isNaN(Date.parse(message.event.at))) throw new Error(`at ${message.event.at} was taken`);
      return `event ${message.event.outcome} ${message.event.method} ${Object.keys(message.event).join()}`;
    });
  },
};
