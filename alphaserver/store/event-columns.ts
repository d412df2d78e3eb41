/**
 * How tables of events hold values in few bytes. Times stand as differences: that of the event from the table's base, that of its
 * storing from the event's. What is one of a few stands together in the bits of `decision`, and an IPv4 address as a number of 32
 * bits. Generated columns give all but the address back under the names that tables of earlier versions store them by. Pure.
 */
import { utcMs } from '../../protocol/values.ts';
import { ipv4Number } from '../../service/ip-network.ts';
import { METHODS, OUTCOMES, TRUSTS } from './schema.ts';
import type { SequencedEvent } from './store.ts';

/** The first bit of each part of `decision`. All but the outcome are 0 for null, and one more than their number otherwise. */
const INVALID_USER_BIT = 2;
const TRUST_BIT = 4;
const METHOD_BIT = 6;
const PART = 3;

/** The columns that are written, in the order of `addRow`. */
export const WRITTEN_COLUMNS = [
  ...['id', 'sinceBase', 'delay', 'agent', 'host', 'decision', 'otherMethod', 'user', 'address', 'otherIp', 'port'],
  ...['key', 'reason', 'seq', 'pid'],
];

/** A value of a row. */
export type RowValue = string | number | null;

/** Gives the columns of a table whose times count from `baseMs`, Unix milliseconds, as CREATE TABLE takes them. */
export const columnsFor = (baseMs: number): string => `
  id INTEGER PRIMARY KEY, sinceBase INTEGER NOT NULL, delay INTEGER NOT NULL, agent INTEGER NOT NULL, host INTEGER NOT NULL,
  decision INTEGER NOT NULL, otherMethod TEXT, user TEXT, address INTEGER, otherIp TEXT, port INTEGER, key TEXT, reason TEXT,
  seq INTEGER, pid INTEGER,
  at INTEGER AS (sinceBase + ${baseMs}), storedAt INTEGER AS (sinceBase + delay + ${baseMs}),
  outcome INTEGER AS (decision & ${PART}),
  invalidUser INTEGER AS (nullif(decision >> ${INVALID_USER_BIT} & ${PART}, 0) - 1),
  trust INTEGER AS (nullif(decision >> ${TRUST_BIT} & ${PART}, 0) - 1),
  method AS (coalesce(otherMethod, nullif(decision >> ${METHOD_BIT}, 0) - 1)),
  ip AS (coalesce(otherIp, address))`;

/** An event with the numbers that the store gives it. */
export interface NumberedEvent extends SequencedEvent {
  readonly id: number;
  readonly storedMs: number;
  readonly agent: number;
  readonly host: number;
}

/** Adds an event's values for WRITTEN_COLUMNS to those of the rows before it. */
export function addRow(
  values: RowValue[],
  { id, storedMs, agent, host, seq, event }: NumberedEvent,
  baseMs: number,
): void {
  const { at, outcome, method, user, invalidUser, ip, port, key = null, reason = null, trust, pid = null } = event;
  const atMs = utcMs(at);
  const known = method === null ? -1 : METHODS.indexOf(method);
  const address = ip === null ? null : ipv4Number(ip);
  const decision =
    OUTCOMES.indexOf(outcome) |
    ((invalidUser === null ? 0 : Number(invalidUser) + 1) << INVALID_USER_BIT) |
    ((trust ? TRUSTS.indexOf(trust) + 1 : 0) << TRUST_BIT) |
    ((known + 1) << METHOD_BIT);
  values.push(id, atMs - baseMs, storedMs - atMs, agent, host, decision, known < 0 ? method : null, user);
  values.push(address, address === null ? ip : null, port, key, reason, seq, pid);
}

/** Gives an address as text: what the column `ip` holds is a number for IPv4 in tables that have `address`. */
export const addressText = (stored: number | string | null): string | null =>
  typeof stored === 'number'
    ? `${stored >>> 24}.${(stored >>> 16) & 255}.${(stored >>> 8) & 255}.${stored & 255}`
    : stored;
