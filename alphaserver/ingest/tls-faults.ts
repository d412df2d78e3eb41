/** Puts failed TLS handshakes into words, and says each once for a peer. Pure: the clock comes in. */

import { LoggedProblems } from '../../service/logged-problems.ts';

/** Faults that are remembered; the oldest goes first. */
const REMEMBERED_LIMIT_FAULTS = 1_000;

/** Codes of Node and OpenSSL, and what they mean for whoever looks after the server. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNRESET: 'it closed the connection during the handshake',
  EPIPE: 'it closed the connection during the handshake',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'it did not finish the handshake in time',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it speaks no TLS; an agent needs tls:// in ALPHACLIENT_SERVER',
  ERR_SSL_HTTP_REQUEST: 'it speaks HTTP, and not TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it speaks an old version of TLS alone',
  ERR_SSL_NO_SHARED_CIPHER: 'it has no cipher in common with this server',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "it does not trust this server's certificate; an agent needs ALPHACLIENT_TLS_CA",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "it does not accept this server's certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "it says that this server's certificate has expired",
};

/** Remembers which faults were logged. */
export class TlsFaults {
  readonly #logged = new LoggedProblems(REMEMBERED_LIMIT_FAULTS);

  /** Gives the line to log for a failed handshake, or null where it was logged for this peer within the hour. */
  line(address: string, error: NodeJS.ErrnoException, nowMs: number): string | null {
    const code = error.code ?? '';
    const words = WORDS[code] ?? (/socket hang up/.test(error.message) ? WORDS['ECONNRESET'] : undefined);
    const fault = words ?? `the handshake failed (${code === '' ? 'no reason given' : code})`;
    return this.#logged.isDue(`${address} ${fault}`, nowMs) ? `TLS with ${address} failed: ${fault}` : null;
  }
}
