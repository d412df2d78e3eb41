/** Messages of an agent that behaves well, as tests send them. */
import type { AgentReport } from '../protocol/report.ts';

/** The report of an agent that has read and sent everything. */
export const CAUGHT_UP: AgentReport = {
  state: 'caught up',
  behindBytes: 0,
  sentSeq: 0,
  waiting: 0,
  linesRead: 0,
  linesUnknown: 0,
  linesForged: 0,
  declaredLost: 0,
};

/** Makes the first message of an agent, on the host `h1` unless `more` names another. */
export const hello = (agent: string, more: object = {}) => ({ type: 'hello', version: 1, agent, host: 'h1', ...more });

/** Makes the event with this number: a wrong password of root from 192.0.2.1, but for what `more` changes. */
export const event = (seq: number, more: object = {}) => ({
  type: 'event',
  seq,
  at: '2026-11-23T19:46:01.123Z',
  outcome: 'failed',
  method: 'password',
  user: 'root',
  ip: '192.0.2.1',
  port: 50_022,
  ...more,
});
