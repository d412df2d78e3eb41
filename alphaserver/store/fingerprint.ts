/** Finds fingerprints of keys in what sshd logs. */

const FINGERPRINT = /\b(?:SHA256:[\w+/]{43}|(?:MD5:)?(?:[\da-f]{2}:){15}[\da-f]{2})/;

/** Finds the fingerprint in what sshd logs of a key: `ED25519 SHA256:...`, of a certificate with its id and CA behind it. */
export function fingerprintOf(key: string | null | undefined): string | null {
  return key ? (FINGERPRINT.exec(key)?.[0] ?? null) : null;
}
