/** An entry of systemd's journal, and whether sshd wrote it. */

import type { Trust } from '../../protocol/event.ts';
import { encoded } from './latin1.ts';
import { parseMessage } from './message-parser.ts';
import { isDecision, isEvidence } from './message-types.ts';

/** An entry of the journal. */
export interface Entry {
  /** Latin-1, without a line end. */
  readonly message: string;
  /** `sshd`: trust it; `forged`: under sshd's name, but by another program; `contained`: a line whose writer nobody noted; `other`: of no use here. */
  readonly writer: 'sshd' | 'forged' | 'contained' | 'other';
  /** -1 where the entry has none. */
  readonly pid: number;
  /** Latin-1, empty where the entry has none. */
  readonly host: string;
  /** Unix milliseconds, NaN where the entry has no time. */
  readonly ms: number;
  readonly trust: Trust;
}

const TAGS = ['sshd', 'sshd-session', 'sshd-auth'];
/** Programs that write under sshd's name in good faith: sshd's own, wherever a distribution puts them. */
const PROGRAM = /(?:^|\/)sshd(?:-session|-auth)?(?: \(deleted\))?$/;

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function number(value: unknown): number {
  const n = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN;
  return Number.isSafeInteger(n) && n >= 0 ? n : -1;
}

/** `MESSAGE` is text, or an array of byte values where it is no valid UTF-8; a field given twice is an array too. */
function messageOf(value: unknown): string | null {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  if (typeof first === 'string') return encoded(first);
  if (!Array.isArray(value)) return null;
  return Buffer.from(value.filter((byte): byte is number => typeof byte === 'number')).toString('latin1');
}

/**
 * sshd runs as root, and its entries say so: journald fills the fields that begin with `_` from what the kernel knows of
 * the sender, and no sender can choose them. Entries without them (exported, or stripped) are taken at their word.
 */
function isForged(entry: Readonly<Record<string, unknown>>): boolean {
  const exe = text(entry['_EXE']);
  if (exe !== null && !PROGRAM.test(exe)) return true;
  const comm = text(entry['_COMM']);
  if (exe === null && comm !== null && !TAGS.includes(comm)) return true;
  const transport = text(entry['_TRANSPORT']);
  return transport === 'kernel' || transport === 'audit';
}

/**
 * Whether a user may have sent it: journald could not look at the sender, which was gone. So it is with the last words of a
 * session's process, which runs as its user and is sshd all the same; and so would it be with a forger's.
 */
function isUnproven(entry: Readonly<Record<string, unknown>>): boolean {
  const uid = text(entry['_UID']);
  return uid !== null && uid !== '0' && text(entry['_EXE']) === null;
}

/** Returns how sure it is that sshd wrote an entry that is not forged. What it writes to its standard output, a client can write whole lines of. */
function trustOf(entry: Readonly<Record<string, unknown>>): Trust {
  const transport = text(entry['_TRANSPORT']);
  if (transport === 'stdout') return 'forgeable';
  return transport === 'syslog' && text(entry['_COMM']) !== null && text(entry['_UID']) !== null ? 'journal' : 'syslog';
}

/** Returns true for a message about an attempt: the process of a session writes none of these. */
function isAboutAttempt(message: string): boolean {
  const parsed = parseMessage(message, false);
  return parsed === null || isDecision(parsed) || isEvidence(parsed);
}

/** Fields that journald writes into every entry, whoever sent it; shippers keep some of them. */
const JOURNAL_FIELDS = ['SYSLOG_IDENTIFIER', '_COMM', '_TRANSPORT', '_BOOT_ID', '__CURSOR', '__REALTIME_TIMESTAMP'];

/** Takes an entry of the journal apart, whole or as a shipper passed it on; null where it is none. */
export function journalEntry(entry: Readonly<Record<string, unknown>>): Entry | null {
  const message = messageOf(entry['MESSAGE'] ?? entry['message']);
  if (message === null || !JOURNAL_FIELDS.some((field) => field in entry)) return null;
  const tag = text(entry['SYSLOG_IDENTIFIER']) ?? text(entry['_COMM']);
  let writer: Entry['writer'] = tag === null || !TAGS.includes(tag) ? 'other' : isForged(entry) ? 'forged' : 'sshd';
  if (writer === 'sshd' && isUnproven(entry)) writer = isAboutAttempt(message) ? 'forged' : 'other';
  const micros = number(entry['_SOURCE_REALTIME_TIMESTAMP']);
  const received = number(entry['__REALTIME_TIMESTAMP']);
  const at = micros >= 0 ? micros : received;
  const sent = number(entry['SYSLOG_PID']);
  return {
    message,
    writer,
    pid: sent >= 0 ? sent : number(entry['_PID']),
    host: encoded(text(entry['_HOSTNAME']) ?? ''),
    ms: at >= 0 ? Math.floor(at / 1000) : Number.NaN,
    trust: trustOf(entry),
  };
}
