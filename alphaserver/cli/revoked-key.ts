/** Reads the keys and certificates that `alphaserver keys revoke` takes. Pure. */
import type { ValueParser } from '../../service/value-parser.ts';

/** The largest serial of a certificate: 64 bits. */
const SERIAL_LIMIT = 2n ** 64n - 1n;

/** The subject of a revocation: a key by its hash, or a certificate by its serial and CA. */
export type Revoked =
  | { readonly hash: string; readonly serial?: never }
  | { readonly serial: string; readonly hash?: never };

/** Takes a fingerprint as sshd logs it since 6.8, or a certificate's serial. */
export const revoked: ValueParser<Revoked> = {
  valid: 'a fingerprint such as SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU, or serial:7 with --ca',
  parse: (given) => {
    if (/^SHA256:[\w+/]{43}$/.test(given) && !given.includes('_')) return { hash: given };
    const [, serial] = /^serial:(\d{1,20})$/.exec(given) ?? [];
    return serial !== undefined && BigInt(serial) <= SERIAL_LIMIT ? { serial: String(BigInt(serial)) } : undefined;
  },
};
