/** Puts what Node and OpenSSL say of a connection that failed into words. Pure. */
import type { Address } from '../../service/value-parser.ts';
import type { TlsFiles } from './connect.ts';

/** Codes of the system, and what they mean for whoever looks after the agent. */
const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ETIMEDOUT: 'it did not answer in time',
  EHOSTUNREACH: 'there is no way to this host',
  ENETUNREACH: 'there is no way to its network',
  ENOTFOUND: 'there is no host of this name',
  EAI_AGAIN: 'the name cannot be looked up at the moment',
  ECONNRESET: 'it cut the connection',
  EPIPE: 'it cut the connection',
};

/** Codes of a certificate that nobody known has signed. X509_V_ERR_* of OpenSSL, as Node names them. */
const UNKNOWN_SIGNER: readonly string[] = [
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
];

const NO_TLS = 'it speaks no TLS; tcp:// may be meant in ALPHACLIENT_SERVER';
const OTHER_VERSION = 'it has no version of TLS or cipher in common with this agent';
const REFUSED = 'it does not accept the certificate in ALPHACLIENT_TLS_CERT';
const NONE_SHOWN = 'it asks for a certificate: set ALPHACLIENT_TLS_CERT and ALPHACLIENT_TLS_KEY';

/** Codes of the handshake. ERR_SSL_* is what OpenSSL says, an alert among them what the server says (RFC 8446, section 6). */
const HANDSHAKE: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  EPROTO: NO_TLS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: OTHER_VERSION,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: OTHER_VERSION,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: OTHER_VERSION,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: NONE_SHOWN,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: REFUSED,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: REFUSED,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: REFUSED,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: `${REFUSED}: it has expired`,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: `${REFUSED}: it was revoked`,
  CERT_HAS_EXPIRED: "its certificate has expired, or this host's clock is wrong",
  CERT_NOT_YET_VALID: "its certificate is not valid yet, or this host's clock is wrong",
  ECONNRESET: 'it closed the connection during the handshake; tcp:// may be meant in ALPHACLIENT_SERVER',
};

/** A message shows at most so many characters of a certificate's names. */
const NAMES_LIMIT_CHARS = 200;

/** Returns the words for an error of a connection to `address`, with its code; an error of our own is given as it is. */
export function connectionFault(error: Error, { scheme, host }: Address, files: TlsFiles): string {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === '') return error.message;
  return `${(scheme === 'tls' ? tlsWords(error, code, host, files) : undefined) ?? NETWORK[code] ?? 'the connection failed'} (${code})`;
}

function tlsWords(error: Error, code: string, host: string, { caFile, certFile }: TlsFiles): string | undefined {
  if (UNKNOWN_SIGNER.includes(code))
    return caFile === null
      ? 'its certificate is signed by no CA that this host trusts: set ALPHACLIENT_TLS_CA to the PEM file of its CA'
      : 'its certificate is not signed by the CA in ALPHACLIENT_TLS_CA';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const { cert } = error as { cert?: { subjectaltname?: string } };
    const names = cert?.subjectaltname ?? 'no name';
    return `its certificate is for ${names.slice(0, NAMES_LIMIT_CHARS)}, and not for ${host}: ALPHACLIENT_SERVER must have one of its names`;
  }
  if (certFile === null && HANDSHAKE[code] === REFUSED) return NONE_SHOWN;
  return HANDSHAKE[code];
}
