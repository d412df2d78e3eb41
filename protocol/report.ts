/**
 * An agent reports this about itself besides events, carried by `ping` in fields that a server may ignore:
 * how its log is doing, what it did not understand, and what it could not read.
 * All numbers are totals since the agent's state folder was made, so that a report may be lost or come twice.
 */

import { isCount, isTime } from './values.ts';

/** The health of an agent. `state` is in words for people. */
export interface AgentReport {
  readonly state: AgentState;
  /** Bytes of the log known to be unread; 0 when caught up. */
  readonly behindBytes: number;
  /** The highest seq ever given out. */
  readonly sentSeq: number;
  /** Events in the outbox that are not acknowledged. */
  readonly waiting: number;
  readonly linesRead: number;
  readonly linesUnknown: number;
  /** Lines that claim to be sshd's and are not. */
  readonly linesForged: number;
  /** Log lines known to be lost before they could be read; at least one for each gap. */
  readonly declaredLost: number;
  /** Absent where nothing is known of it, or the log is that of several hosts. */
  readonly sshd?: SshdRelease;
}

/** The names of sshd's processes: one for all up to 9.7, others for sessions since 9.8 and before a login since 10.0. */
export const SSHD_PROGRAMS = ['sshd', 'sshd-session', 'sshd-auth'] as const;
export type SshdProgram = (typeof SSHD_PROGRAMS)[number];

/** The release of sshd that a log names. */
export interface SshdRelease {
  /** The newest name among those that wrote it; null where it does not say. */
  readonly program: SshdProgram | null;
  /** The version as sshd writes it at LogLevel DEBUG, such as `OpenSSH_9.6p1`; null where no line has it. */
  readonly version: string | null;
}

/** The states an agent can be in, for people and for alerts. */
export const AGENT_STATES = [
  'starting',
  'log missing',
  'log unreadable',
  'log detached',
  'log quiet',
  'caught up',
  'behind',
  'outbox full',
  'outbox failing',
] as const;
export type AgentState = (typeof AGENT_STATES)[number];

/** sshd-looking lines of one shape that are not understood. */
export interface ShapeCount {
  /** The message with digits, addresses and names blanked; at most REPORT_TEXT_LIMIT_CHARS characters. */
  readonly shape: string;
  readonly count: number;
  /** One such line as it stood in the log, cut to REPORT_TEXT_LIMIT_CHARS characters. */
  readonly sample: string;
  readonly firstAt: string | null;
  readonly lastAt: string | null;
}

/** Part of a log that could not be read, numbered from 1 by the agent. */
export interface DeclaredGap {
  readonly id: number;
  readonly at: string;
  readonly kind: string;
  readonly text: string;
  readonly bytes: number | null;
  readonly lines: number | null;
}

/** The longest shape, its sample, and the text of a gap, in UTF-16 units. */
export const REPORT_TEXT_LIMIT_CHARS = 256;
/** The longest kind of a gap. */
export const KIND_LIMIT_CHARS = 64;
/** The most shapes, and the most gaps, that one ping carries: keeps it far below the line limit. */
export const SHAPES_PER_PING = 12;
export const GAPS_PER_PING = 12;

const COUNTS = [
  'behindBytes',
  'sentSeq',
  'waiting',
  'linesRead',
  'linesUnknown',
  'linesForged',
  'declaredLost',
] as const;

/** Cuts a text to what a report carries. Agents cut, and servers too, since older agents do not: no gap is passed over for its words. */
export const cutText = (text: string): string => text.slice(0, REPORT_TEXT_LIMIT_CHARS);

const isText = (value: unknown, limit: number): value is string => typeof value === 'string' && value.length <= limit;
const isTimeOrNull = (value: unknown): boolean => value === null || isTime(value);

/** The report in a ping's `report` field, or null when there is none or it is not one: a ping is never refused for it. */
export function reportFrom(value: unknown): AgentReport | null {
  if (typeof value !== 'object' || value === null) return null;
  const given = value as Record<string, unknown>;
  if (!(AGENT_STATES as readonly unknown[]).includes(given['state'])) return null;
  if (!COUNTS.every((name) => isCount(given[name]))) return null;
  const { state, behindBytes, sentSeq, waiting, linesRead, linesUnknown, linesForged, declaredLost } =
    given as unknown as AgentReport;
  const sshd = releaseFrom(given['sshd']);
  const counts = { behindBytes, sentSeq, waiting, linesRead, linesUnknown, linesForged, declaredLost };
  return { state, ...counts, ...(sshd && { sshd }) };
}

/** Reads what is known of an sshd; null for what is not of this form. */
export function releaseFrom(value: unknown): SshdRelease | null {
  const { program = null, version = null } = (value ?? {}) as { program?: unknown; version?: unknown };
  const isProgram = program === null || (SSHD_PROGRAMS as readonly unknown[]).includes(program);
  const isVersion = version === null || (typeof version === 'string' && /^OpenSSH_[\w.]{1,32}$/.test(version));
  if (!isProgram || !isVersion || (program === null && version === null)) return null;
  return { program: program as SshdProgram | null, version: version as string | null };
}

/** The well-formed ones among a ping's `shapes`, at most SHAPES_PER_PING. */
export function shapesFrom(value: unknown): ShapeCount[] {
  if (!Array.isArray(value)) return [];
  return (value.slice(0, SHAPES_PER_PING) as Partial<ShapeCount>[])
    .filter(
      (s) =>
        typeof s === 'object' &&
        s !== null &&
        isText(s.shape, REPORT_TEXT_LIMIT_CHARS) &&
        typeof s.sample === 'string' &&
        isCount(s.count) &&
        isTimeOrNull(s.firstAt) &&
        isTimeOrNull(s.lastAt),
    )
    .map((s) => {
      const { shape, count, sample, firstAt, lastAt } = s as ShapeCount;
      return { shape, count, sample: cutText(sample), firstAt, lastAt };
    });
}

/** The well-formed ones among a ping's `gaps`, at most GAPS_PER_PING. */
export function gapsFrom(value: unknown): DeclaredGap[] {
  if (!Array.isArray(value)) return [];
  return (value.slice(0, GAPS_PER_PING) as Partial<DeclaredGap>[])
    .filter(
      (g) =>
        typeof g === 'object' &&
        g !== null &&
        isCount(g.id) &&
        isTime(g.at) &&
        isText(g.kind, KIND_LIMIT_CHARS) &&
        typeof g.text === 'string' &&
        (g.bytes === null || isCount(g.bytes)) &&
        (g.lines === null || isCount(g.lines)),
    )
    .map((g) => {
      const { id, at, kind, text, bytes, lines } = g as DeclaredGap;
      return { id, at, kind, text: cutText(text), bytes, lines };
    });
}
