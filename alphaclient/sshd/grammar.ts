/**
 * The table of sshd's messages. A message is known by the literal characters that it begins with, looked up by
 * its first four bytes; only then is it decoded and taken apart. What no rule knows is the radar's.
 */

import { ACCOUNTS } from './accounts.ts';
import { DECISIONS } from './decisions.ts';
import { ENDS } from './ends.ts';
import { KEYS } from './keys.ts';
import { latin1 } from './latin1.ts';
import type { ParsedMessage, Rule } from './message-types.ts';
import { NEGOTIATION } from './negotiation.ts';
import { NOISE } from './noise.ts';
import { PAM } from './pam.ts';
import { REFUSALS, readDroppedSummary } from './refusals.ts';
import { SCANNERS } from './scanners.ts';

/** Every rule, in the order of the docs. */
export const RULES: readonly Rule[] = [
  ...DECISIONS,
  ...ACCOUNTS,
  ...KEYS,
  ...ENDS,
  ...SCANNERS,
  ...NEGOTIATION,
  ...REFUSALS,
  ...PAM,
  ...NOISE,
];

/** Whatever it says, a fatal error of a process is the end of its connection. */
const FATAL_ERROR = RULES.find((rule) => rule.name === 'fatal-error');

interface Candidate {
  readonly rule: Rule;
  readonly bytes: Uint8Array;
}

const encoder = new TextEncoder();
const BY_START = new Map<number, Candidate[]>();

function start(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

for (const rule of RULES) {
  const bytes = encoder.encode(rule.begins);
  const key = start(bytes, 0);
  const list = BY_START.get(key) ?? [];
  list.push({ rule, bytes });
  // The longer beginning is the more exact one: `Accepted key ` before `Accepted `.
  list.sort((a, b) => b.bytes.length - a.bytes.length);
  BY_START.set(key, list);
}

const PREAUTH = ' [preauth]';
const SLASH = 47;
const ERROR = 0x6572726f; // erro(r: )
const FATAL = 0x66617461; // fata(l: )

function matches(bytes: Uint8Array, at: number, end: number, begins: Uint8Array): boolean {
  if (end - at < begins.length) return false;
  // The first four are equal: they were the key.
  for (let i = 4; i < begins.length; i++) if (bytes[at + i] !== begins[i]) return false;
  return true;
}

function isPreauth(bytes: Uint8Array, from: number, end: number): boolean {
  if (end - from < PREAUTH.length || bytes[end - 1] !== 93) return false;
  for (let i = 0; i < PREAUTH.length; i++) if (bytes[end - PREAUTH.length + i] !== PREAUTH.charCodeAt(i)) return false;
  return true;
}

/** What the table makes of one message: filled anew by each `readMessage`, so that a million lines make no garbage. */
export interface Reading {
  /** The rule that knows the message, or null. */
  rule: Rule | null;
  /** What it says about an attempt; null when it says nothing. */
  fact: ParsedMessage | null;
  /** The message without level and ` [preauth]`; empty where it was not decoded. */
  text: string;
}

/** Where the message begins behind `error: ` or `fatal: `, which sshd puts before it in syslog. */
function afterLevel(bytes: Uint8Array, from: number, end: number): number {
  if (end - from < 8) return from;
  const key = start(bytes, from);
  if ((key === ERROR || key === FATAL) && bytes[from + 5] === 58 && bytes[from + 6] === 32) return from + 7;
  return from;
}

/** sshd gives syslog no more of a message than this (`%.500s`): a long name, escaped twice, pushes the address out. */
const SYSLOG_LIMIT_BYTES = 500;
/** And `sshd -E` writes no more than this into its file; up to three bytes less, since vis(3) cuts no escape of four in two. */
const RAW_LIMIT_BYTES = 1_021;
const ESCAPE_BYTES = 4;

/** FreeBSD's sshd calls its functions by names of its own, and some messages begin with one. */
const FSSH = 0x46737368; // Fssh(_kex_exchange_identification: )

/**
 * Reads the message in `bytes` from `from` to `to` into `into`. `raw`: it is `sshd -E`'s. Never throws, whatever the bytes
 * are.
 */
export function readMessage(bytes: Buffer, from: number, to: number, into: Reading, raw = false): void {
  into.rule = null;
  into.fact = null;
  into.text = '';
  let end = to;
  // What syslogs and people leave behind a message; sshd's own words end in none that matters.
  while (end > from && bytes[end - 1] === 32) end--;
  let at = afterLevel(bytes, from, end);
  if (start(bytes, at) === FSSH && bytes[at + 4] === 95) at += 5;
  if (end - at < 4) return;
  const isFatal = at > from && start(bytes, from) === FATAL;
  let text = '';
  let preauth = false;
  // A file's name says nothing of the message behind it.
  const candidates = bytes[at] === SLASH ? undefined : BY_START.get(start(bytes, at));
  if (candidates !== undefined) {
    for (const { rule, bytes: begins } of candidates) {
      if (!matches(bytes, at, end, begins)) continue;
      if (rule.read === undefined) {
        into.rule = rule;
        if (isFatal) fatal(bytes, at, end, into);
        return;
      }
      if (text === '') {
        preauth = isPreauth(bytes, at, end);
        const last = preauth ? end - PREAUTH.length : end;
        if (!rule.fixed) into.text = text = latin1(bytes, at, last);
      }
      const cut = raw ? to - from > RAW_LIMIT_BYTES - ESCAPE_BYTES : to - from === SYSLOG_LIMIT_BYTES;
      const fact = rule.read(text, preauth, cut) ?? (cut ? rule.cut?.() : null) ?? null;
      if (fact !== null) {
        if (preauth) fact.beforeLogin = true;
        into.rule = rule;
        into.fact = fact;
        if (isFatal && (fact.kind === 'pending' || fact.kind === 'opened')) fatal(bytes, at, end, into);
        return;
      }
    }
  }
  rare(text !== '' ? text : latin1(bytes, at, end), into);
  if (into.fact === null && isFatal) fatal(bytes, at, end, into);
}

/** What an address has and nothing else in a fatal error. */
const ADDRESS = /\d\.\d{1,3}\.\d|[\da-f]:[\da-f]{0,4}:/i;

/**
 * A fatal error ends the process that writes it: without [preauth] not always one of a connection, which must be known then. One
 * that names an address may have more to say than a rule knows: that is for the radar.
 */
function fatal(bytes: Buffer, at: number, end: number, into: Reading): void {
  const preauth = isPreauth(bytes, at, end);
  const text = latin1(bytes, at, preauth ? end - PREAUTH.length : end);
  if (!preauth && ADDRESS.test(text)) return;
  into.rule = FATAL_ERROR ?? null;
  into.fact = FATAL_ERROR?.read?.(text, preauth, false) ?? null;
  if (into.fact !== null) into.fact.beforeLogin = preauth;
}

const KEY_LINE = / Authentication tried for .{0,200} with (?:correct key|valid certificate) but not from a permitted /;

/** PAM's summary as it was before 0.99. */
const OLD_MORE = /^\d{1,4} more authentication failures?; /;

/** Messages that do not begin with words of their own. */
function rare(text: string, into: Reading): void {
  const summary = text.endsWith(' connections dropped') ? readDroppedSummary(text) : null;
  if (summary !== null) {
    into.rule = RULES.find((rule) => rule.name === 'dropped') ?? null;
    into.fact = summary;
  } else if (OLD_MORE.test(text)) {
    const rule = RULES.find((one) => one.name === 'pam-more-failures');
    into.rule = rule ?? null;
    into.fact = rule?.read?.(`PAM ${text}`, false, false) ?? null;
  } else if (text.startsWith('/') && KEY_LINE.test(text)) {
    const rule = RULES.find((one) => one.name === 'key-from-wrong-host');
    into.rule = rule ?? null;
    into.fact = rule?.read?.(text, false, false) ?? null;
  } else if (text.startsWith('/')) {
    // FILE:LINE or FILE line N: remarks on a configuration or key file.
    const space = text.indexOf(' ');
    if (
      /^\/[^ ]{1,400}(?::\d+:| line \d+:)/.test(text) ||
      text.startsWith(' line ', space) ||
      text.startsWith('/etc/ssh/')
    )
      into.rule = RULES.find((rule) => rule.name === 'noise:etc-ssh') ?? null;
  }
}

/** Reads a message given as a string of Latin-1. */
export function readText(message: string, raw = false): Reading {
  const reading: Reading = { rule: null, fact: null, text: '' };
  const bytes = Buffer.from(message, 'latin1');
  readMessage(bytes, 0, bytes.length, reading, raw);
  return reading;
}
