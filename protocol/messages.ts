/** The messages of the wire, version 1: docs/protocol.md holds the rules that [P..] tags name. */
import type { LoginEvent } from './event.ts';
import { type Enroll, enrollFrom, isPem, type Renew, renewFrom } from './joining.ts';
import { eventFault, eventFrom } from './read-event.ts';
import { type AgentReport, type DeclaredGap, gapsFrom, reportFrom, type ShapeCount, shapesFrom } from './report.ts';
import { endFault, endFrom, type OpenSessions, openFrom, type SessionEnd } from './session.ts';
import { COUNT_LIMIT, HOST_LIMIT_CHARS, isCount, isHostName, isTooDeep, JSON_DEPTH_LIMIT } from './values.ts';

/** The version that both sides speak. */
export const PROTOCOL_VERSION = 1;
/** The longest line, its `\n` included. [P1] */
export const LINE_LIMIT_BYTES = 65_536;
/** Limit of the time from connect to hello. [P4] */
export const HELLO_TIMEOUT_MS = 10_000;
/**
 * Limit of the time for which a server delays the answer to a hello. An agent leaves HELLO_TIMEOUT_MS after it began to connect, TCP and
 * TLS included, and would never learn why it is not let in. [P4]
 */
export const HELLO_DELAY_LIMIT_MS = 5_000;
/** Interval between the pings of an agent that has nothing to send. [P11] */
export const PING_EVERY_MS = 15_000;
/** Limit of a peer's silence before it counts as dead: three pings. [P11] */
export const SILENCE_LIMIT_MS = 45_000;
/** The longest token, in characters. */
export const TOKEN_LIMIT_CHARS = 256;

/** The first message of an agent. [P4] */
export interface Hello {
  readonly type: 'hello';
  readonly version: number;
  readonly agent: string;
  readonly host: string;
  readonly token: string | null;
  /** A random id of this start of the agent; null from an older agent. */
  readonly run: string | null;
}
/** One attempt or probe. [P8] */
export interface EventMessage {
  readonly type: 'event';
  readonly seq: number;
  readonly event: LoginEvent & { readonly at: string };
}
/** A heartbeat with the agent's report of itself; what cannot be used of it is null or left out. [P11] */
export interface Ping {
  readonly type: 'ping';
  readonly report: AgentReport | null;
  readonly shapes: readonly ShapeCount[];
  readonly gaps: readonly DeclaredGap[];
  /** Part of the list of open sessions; null from an older agent. [P15] */
  readonly open: OpenSessions | null;
}
/** The end of a session, numbered from 1 in a queue of the agent's own. [P14] */
export interface EndMessage {
  readonly type: 'end';
  readonly number: number;
  readonly end: SessionEnd;
}
/** The last message of an agent: the server acknowledges what it has and closes. [P12] */
export interface Quit {
  readonly type: 'quit';
}
/** Whatever an agent says. */
export type AgentMessage = Hello | EventMessage | EndMessage | Ping | Quit | Enroll | Renew;

/** Reasons for which the server closes a connection. [P10] */
export type ErrorCode = 'bad_json' | 'bad_message' | 'too_long' | 'unauthorized' | 'version' | 'busy' | 'timeout';
/** Whatever a server says. [P5] [P9] */
export type ServerMessage =
  | {
      readonly type: 'welcome';
      readonly version: number;
      readonly seq: number;
      /** The highest number of an end that is stored; absent: none. */
      readonly end?: number;
      /** The features that the server has beyond version 1 as it was first; absent means none. */
      readonly accepts?: readonly string[];
    }
  | { readonly type: 'enrolled'; readonly certificate: string; readonly ca: string }
  | {
      readonly type: 'ack';
      readonly seq: number;
      /** The highest number of an end that is stored; absent where the answer is to events alone. */
      readonly end?: number;
    }
  | { readonly type: 'pong' }
  | { readonly type: 'error'; readonly code: ErrorCode; readonly message: string };

/** The reason why a line is refused, in the words of the `error` that answers it. */
export interface Fault {
  readonly type: 'fault';
  readonly code: 'bad_json' | 'bad_message';
  readonly message: string;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const bad = (message: string): Fault => ({ type: 'fault', code: 'bad_message', message });

const BAD_JSON: Fault = {
  type: 'fault',
  code: 'bad_json',
  message: `a line must be one JSON object, nested ${JSON_DEPTH_LIMIT} levels at most`,
};

function parsed(line: string): Record<string, unknown> | null {
  if (isTooDeep(line)) return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function hello(fields: Record<string, unknown>): Hello | Fault {
  const { version, agent, host, token, run } = fields;
  if (!Number.isSafeInteger(version)) return bad('hello.version must be a whole number');
  if (typeof agent !== 'string' || !UUID.test(agent)) return bad('hello.agent must be a UUID');
  if (!isHostName(host))
    return bad(`hello.host must be a name of 1 to ${HOST_LIMIT_CHARS} characters, without spaces and invisible ones`);
  if (token !== undefined && token !== null && (typeof token !== 'string' || token.length > TOKEN_LIMIT_CHARS))
    return bad(`hello.token must be a string of at most ${TOKEN_LIMIT_CHARS} characters`);
  if (run !== undefined && run !== null && (typeof run !== 'string' || !UUID.test(run)))
    return bad('hello.run must be a UUID');
  return {
    type: 'hello',
    version: version as number,
    agent: agent.toLowerCase(),
    host,
    token: token ?? null,
    run: run?.toLowerCase() ?? null,
  };
}

/** Reads a line that an agent sent: the message, or what is wrong with it. Never throws. [P3] */
export function readAgentMessage(line: string): AgentMessage | Fault {
  const fields = parsed(line);
  if (fields === null) return BAD_JSON;
  switch (fields['type']) {
    case 'event': {
      const { seq } = fields;
      if (!isCount(seq, 1)) return bad(`event.seq must be a whole number from 1 to ${COUNT_LIMIT}`);
      const fault = eventFault(fields);
      return fault ? bad(`event: ${fault}`) : { type: 'event', seq, event: eventFrom(fields) };
    }
    case 'ping':
      return {
        type: 'ping',
        report: reportFrom(fields['report']),
        shapes: shapesFrom(fields['shapes']),
        gaps: gapsFrom(fields['gaps']),
        open: openFrom(fields['open']),
      };
    case 'end': {
      const { end: number } = fields;
      if (!isCount(number, 1)) return bad(`end.end must be a whole number from 1 to ${COUNT_LIMIT}`);
      const fault = endFault(fields);
      return fault ? bad(`end: ${fault}`) : { type: 'end', number, end: endFrom(fields) };
    }
    case 'hello':
      return hello(fields);
    case 'enroll':
    case 'renew': {
      const message = fields['type'] === 'enroll' ? enrollFrom(fields) : renewFrom(fields);
      return typeof message === 'string' ? bad(message) : message;
    }
    case 'quit':
      return { type: 'quit' };
    default:
      return bad('unknown type');
  }
}

/** Reads a line that a server sent: the message, or what is wrong with it. Never throws. */
export function readServerMessage(line: string): ServerMessage | Fault {
  const fields = parsed(line);
  if (fields === null) return BAD_JSON;
  const { type, seq, version, code, message, end = 0 } = fields;
  switch (type) {
    case 'welcome':
      if (!isCount(seq) || !isCount(end) || !Number.isSafeInteger(version)) return bad('welcome needs version and seq');
      return { type, version: version as number, seq, ...(end > 0 && { end }), ...acceptsIn(fields['accepts']) };
    case 'enrolled': {
      const { certificate, ca } = fields;
      if (!isPem(certificate) || !isPem(ca)) return bad('enrolled needs certificate and ca in PEM');
      return { type, certificate, ca };
    }
    case 'ack':
      return isCount(seq) && isCount(end)
        ? { type, seq, ...(end > 0 && { end }) }
        : bad('ack.seq and ack.end must be whole numbers');
    case 'pong':
      return { type };
    case 'error':
      if (typeof code !== 'string' || typeof message !== 'string') return bad('error needs code and message');
      return { type, code: code as ErrorCode, message: message.slice(0, 1_024) };
    default:
      return bad('unknown type');
  }
}

/** The most entries of `welcome.accepts` that are looked at. */
const ACCEPTS_LIMIT = 64;

/** Reads what a server takes; an older one says nothing of it. */
function acceptsIn(value: unknown): { accepts?: readonly string[] } {
  if (!Array.isArray(value)) return {};
  return { accepts: value.slice(0, ACCEPTS_LIMIT).filter((one) => typeof one === 'string') };
}

/** A message as a line, its `\n` included. */
export function encode(
  message: ServerMessage | { readonly type: Exclude<AgentMessage['type'], 'event'>; readonly [field: string]: unknown },
): string {
  return `${JSON.stringify(message)}\n`;
}

/** An event's body as the outbox keeps it: without `type` and `seq`, which `encodeEvent` puts before it. Nulls are left out. */
export function encodeBody(event: LoginEvent): string {
  // JSON leaves out what is undefined. Objects of one form are written in half of the time that any other way takes.
  return JSON.stringify({
    at: event.at ?? undefined,
    outcome: event.outcome,
    method: event.method ?? undefined,
    user: event.user ?? undefined,
    invalidUser: event.invalidUser ?? undefined,
    ip: event.ip ?? undefined,
    port: event.port ?? undefined,
    host: event.host ?? undefined,
    key: event.key ?? undefined,
    reason: event.reason ?? undefined,
    trust: event.trust ?? undefined,
    pid: event.pid ?? undefined,
  } satisfies Record<keyof LoginEvent, unknown>);
}

/** The `event` line for a body made by `encodeBody`. */
export function encodeEvent(seq: number, body: string): string {
  return `{"type":"event","seq":${seq},${body.slice(1)}\n`;
}

/** The end of a session as the outbox keeps it: without `type`, number and session, which `encodeEnd` puts before it. */
export function encodeEndBody(end: Omit<SessionEnd, 'session'>): string {
  return JSON.stringify(end, (_key, value) => (value === null ? undefined : value));
}

/** The `end` line for a body made by `encodeEndBody`. */
export function encodeEnd(number: number, session: number | null, body: string): string {
  return `{"type":"end","end":${number},"session":${session},${body.slice(1)}\n`;
}
