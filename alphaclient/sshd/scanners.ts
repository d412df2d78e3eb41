/** Rules for what is no SSH client, or does not come to the key exchange. */

import { ParsedMessage, type Rule } from './message-types.ts';
import { AT, endsWithPeer, leading, NEXT, PROBE, remark, row, then } from './probe.ts';

/** `kex_exchange_identification: WHAT` has no address; the line after it has. */
function identification(text: string): ParsedMessage {
  const fact = new ParsedMessage('end-reason');
  const what = text.slice(text.indexOf(': ') + 2);
  fact.reason = what.startsWith('client sent invalid') ? 'no SSH client: invalid protocol identifier' : what;
  return fact;
}

/** In the order of the docs; grammar.ts tries the one with the longest beginning first. */
export const SCANNERS: readonly Rule[] = [
  row(
    'no-identification',
    'up to 7.9; port since 7.3',
    PROBE,
    'Did not receive identification string from ',
    'Did not receive identification string from ADDR port PORT',
    `Did not receive identification string from ${AT}`,
    (text) => endsWithPeer(text, 'no identification string'),
  ),
  row(
    'identification',
    'since 8.0; VERBOSE since 9.5',
    NEXT,
    'kex_exchange_identification: ',
    'kex_exchange_identification: WHAT',
    'kex_exchange_identification: Connection closed by remote host',
    identification,
  ),
  row(
    'identification-old',
    'up to 7.9',
    NEXT,
    'ssh_exchange_identification: ',
    'ssh_exchange_identification: WHAT',
    'ssh_exchange_identification: Connection closed by remote host',
    identification,
  ),
  row(
    'banner-exchange',
    'since 8.0',
    PROBE,
    'banner exchange: Connection from ',
    'banner exchange: Connection from ADDR port PORT: REASON',
    `banner exchange: Connection from ${AT}: invalid format`,
    (text) => then(text, 33),
  ),
  row(
    'bad-protocol-version',
    'up to 7.9',
    PROBE,
    'Bad protocol version identification ',
    "Bad protocol version identification 'TEXT' from ADDR port PORT",
    `Bad protocol version identification 'GET / HTTP/1.1' from ${AT}`,
    // Where the end is missing, what looks like one is the client's.
    (text, _, cut) => (cut ? null : endsWithPeer(text, 'no SSH client: bad protocol version')),
  ),
  row(
    'protocol-versions-differ',
    'all; address since 7.3',
    PROBE,
    'Protocol major versions differ',
    'Protocol major versions differ[ for ADDR port PORT]: A vs. B',
    'Protocol major versions differ: 2 vs. 1',
    (text) => (text.startsWith(' for ', 30) ? then(text, 35) : remark('protocol major versions differ')()),
  ),
  row(
    'bad-remote-version',
    'since 8.0',
    NEXT,
    'Bad remote protocol version identification: ',
    "Bad remote protocol version identification: 'TEXT'",
    "Bad remote protocol version identification: 'SSH-x'",
    remark('no SSH client: bad protocol version'),
  ),
  row(
    'probed',
    'all',
    PROBE,
    'probed from ',
    "probed from ADDR port PORT with TEXT. Don't panic.",
    `probed from ${AT} with SSH-1.0-SSH_Version_Mapper. Don't panic.`,
    (text) => leading(text, 12, 'known scanner'),
  ),
  row(
    'scanned',
    'all',
    PROBE,
    'scanned from ',
    "scanned from ADDR port PORT with TEXT. Don't panic.",
    `scanned from ${AT} with SSH-1.0-SSH_Version_Mapper. Don't panic.`,
    (text) => leading(text, 13, 'known scanner'),
  ),
  row(
    'magic-value',
    'patched builds',
    PROBE,
    'Magic value check failed ',
    'Magic value check failed (N) on obfuscated handshake from ADDR port PORT',
    `Magic value check failed (7) on obfuscated handshake from ${AT}`,
    (text) => endsWithPeer(text, 'no obfuscated handshake'),
  ),
];
