/** Rules for connections that sshd itself cuts off: at accept, by configuration, for taking too long. */

import { addressOf, peerFrom, portOf } from './address.ts';
import { userFrom } from './identity.ts';
import { ParsedMessage, type Rule } from './message-types.ts';
import { AT, from, leading, PROBE, row } from './probe.ts';

/** `ADDR port PORT`; `connection from ADDR to ADDR2, pid = N` since 9.8, written by the listener. */
function timeout(text: string): ParsedMessage | null {
  const reason = 'timeout before authentication';
  if (text.startsWith('connection from ', 34)) {
    const peer = peerFrom(text, 50);
    if (peer === null) return null;
    const fact = from(peer, reason);
    const pid = text.lastIndexOf(' pid = ');
    if (pid > 0) fact.pid = Number.parseInt(text.slice(pid + 7), 10) || -1;
    return fact;
  }
  const peer = peerFrom(text, 34);
  return peer === null || peer.end !== text.length ? null : from(peer, reason);
}

/**
 * `N for connection from ADDR to ADDR2 HOW`, `N unpriv child crash for connection from ADDR to ADDR2`: the listener's word on a
 * process that crashed, which may have been a session's.
 */
function processCrashed(text: string): ParsedMessage | null {
  const at = text.indexOf('connection from ', 16);
  const peer = at < 0 ? null : peerFrom(text, at + 16);
  if (peer === null) return null;
  const fact = from(peer, 'its process crashed');
  fact.pid = Number.parseInt(text.slice(16), 10) || -1;
  fact.beforeLogin = text.includes(' unpriv child ');
  return fact;
}

/** The most events one summary line can stand for: a line is no proof of more, and memory is bounded. */
export const SUMMARY_LIMIT_EVENTS = 100_000;

/**
 * `#N from [ADDR]:PORT on [ADDR2]:PORT2 REASON`, and the summary
 * `REASON: logging rate-limited: additional N connections dropped`, whose N counts.
 */
function drop(text: string): ParsedMessage | null {
  const summary = readDroppedSummary(text);
  if (summary !== null) return summary;
  const open = text.indexOf(' from [', 15);
  const close = text.indexOf(']:', open);
  if (open < 0 || close < 0) return null;
  const space = text.indexOf(' ', close);
  const ip = addressOf(text.slice(open + 7, close));
  const port = portOf(text, close + 2, space < 0 ? text.length : space);
  if (ip === null || port < 0) return null;
  const on = text.startsWith(' on [', space) ? text.indexOf(']:', space) : space;
  const why = on < 0 ? -1 : text.indexOf(' ', on);
  return from({ ip, name: null, port }, why < 0 ? 'connection dropped' : `dropped: ${text.slice(why + 1)}`, 'dropped');
}

/** `additional N connections dropped` at the end of a message, or null. */
export function readDroppedSummary(text: string): ParsedMessage | null {
  const at = text.lastIndexOf('additional ');
  if (at < 0 || !text.endsWith(' connections dropped')) return null;
  const count = Number.parseInt(text.slice(at + 11), 10);
  if (!(count >= 0)) return null;
  const fact = new ParsedMessage('dropped');
  fact.count = Math.min(count, SUMMARY_LIMIT_EVENTS);
  fact.reason = 'dropped: logging rate-limited';
  return fact;
}

/** `NAME (ADDR)` of TCP wrappers; the name is what the client's DNS says. */
function wrappers(text: string): ParsedMessage | null {
  const fact = new ParsedMessage('dropped');
  fact.reason = 'refused by TCP wrappers';
  const open = text.lastIndexOf(' (');
  if (open > 0 && text.endsWith(')')) fact.ip = addressOf(text.slice(open + 2, -1));
  fact.ip ??= addressOf(text.slice(21, open > 0 ? open : text.length));
  return fact;
}

function prohibited(text: string, _: boolean, cut: boolean): ParsedMessage | null {
  const read = cut ? null : userFrom('ended', text, 43);
  if (read === null) return null;
  read.fact.reason = 'administratively prohibited';
  read.fact.beforeLogin = true;
  return read.fact;
}

/** In the order of the docs; grammar.ts tries the one with the longest beginning first. */
export const REFUSALS: readonly Rule[] = [
  row(
    'timeout',
    'up to 9.7; port since 7.3; since 9.8 by the listener, with the pid',
    PROBE,
    'Timeout before authentication for ',
    'Timeout before authentication for ADDR port PORT; ... for connection from ADDR to ADDR2, pid = N',
    `fatal: Timeout before authentication for ${AT}`,
    timeout,
  ),
  row(
    'process-killed',
    'since 9.8',
    'end; a probe unless an attempt was seen, or it was a session',
    'session process ',
    'session process N for connection from ADDR to ADDR2 killed by signal N; ... terminated abnormally, status=N',
    'session process 4321 for connection from 192.0.2.10 to 192.0.2.1 killed by signal 11',
    processCrashed,
  ),
  row(
    'process-crashed',
    'since 9.8',
    PROBE,
    'Session process ',
    'Session process N unpriv child crash for connection from ADDR to ADDR2',
    'Session process 4321 unpriv child crash for connection from 192.0.2.10 to 192.0.2.1',
    processCrashed,
  ),
  row(
    'username-too-long',
    'all with PAM',
    PROBE,
    'Username too long from ',
    'Username too long from ADDR port PORT',
    `fatal: Username too long from ${AT}`,
    (text) => leading(text, 23, 'user name too long'),
  ),
  row(
    'dropped',
    'since 7.x; penalties since 9.8',
    'a probe; the summary counts as many as it says',
    'drop connection ',
    'drop connection #N from [ADDR]:PORT on [ADDR2]:PORT2 REASON',
    'drop connection #0 from [192.0.2.10]:50022 on [192.0.2.1]:22 penalty: failed authentication',
    drop,
  ),
  row(
    'refused-by-wrappers',
    'builds with libwrap',
    'a probe',
    'refused connect from ',
    'refused connect from NAME (ADDR)',
    'refused connect from client.example (192.0.2.10)',
    wrappers,
  ),
  row(
    'prohibited',
    'since 9.9',
    PROBE,
    'administratively prohibited connection for ',
    'administratively prohibited connection for [invalid user ]USER from ADDR port PORT',
    `administratively prohibited connection for bob from ${AT}`,
    prohibited,
  ),
];
