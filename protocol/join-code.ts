/** The code with which a host joins: what it checks the server by, and a secret that it shows. Pure. */

/** The code holds so many bytes of the SHA-256 of the authority's certificate: nobody finds another certificate with the same 128 bits. */
export const FINGERPRINT_BYTES = 16;
/** Nobody guesses 128 bits. */
export const SECRET_BYTES = 16;
/** The first byte, which later forms change. */
const CODE_VERSION = 1;

/** The parts of a code. */
export interface JoinCode {
  /** The first FINGERPRINT_BYTES of the SHA-256 of the authority's certificate in DER. */
  readonly fingerprint: Buffer;
  readonly secret: Buffer;
}

/** Returns a code as people copy it: base64url (RFC 4648) of version, fingerprint and secret, 44 characters. */
export function encodeJoinCode({ fingerprint, secret }: JoinCode): string {
  return Buffer.concat([Buffer.from([CODE_VERSION]), fingerprint, secret]).toString('base64url');
}

/** Reads a code; null where the text is none. */
export function readJoinCode(text: string): JoinCode | null {
  if (!/^[A-Za-z0-9_-]{44}$/.test(text)) return null;
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== 1 + FINGERPRINT_BYTES + SECRET_BYTES || bytes[0] !== CODE_VERSION) return null;
  return { fingerprint: bytes.subarray(1, 1 + FINGERPRINT_BYTES), secret: bytes.subarray(1 + FINGERPRINT_BYTES) };
}
