/** The messages with which a host gets its certificate, and a later one: docs/joining.md. [P16] */
import { HOST_LIMIT_CHARS, isHostName } from './values.ts';

/** The longest request or certificate in PEM, in characters: one with an RSA key of 4,096 bits has some 2,000. */
export const PEM_LIMIT_CHARS = 16_384;
/** The longest code, in characters; those of this version have 44. */
const CODE_LIMIT_CHARS = 256;

/** A host asks to join, before `hello`. */
export interface Enroll {
  readonly type: 'enroll';
  readonly version: number;
  /** The code that `alphaserver enroll` printed. */
  readonly code: string;
  /** A PKCS #10 request in PEM. */
  readonly csr: string;
  /** The host's own name. */
  readonly host: string;
}

/** An agent asks for its next certificate, after `welcome`. */
export interface Renew {
  readonly type: 'renew';
  readonly csr: string;
}

/** True for a text that may be PEM: its content is for whoever uses it to check. */
export const isPem = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= PEM_LIMIT_CHARS && value.startsWith('-----BEGIN ');

const CSR_FAULT = `csr must be a request in PEM of at most ${PEM_LIMIT_CHARS} characters`;

/** Reads `enroll`; the text says which field cannot be used. */
export function enrollFrom({ version, code, csr, host }: Record<string, unknown>): Enroll | string {
  if (!Number.isSafeInteger(version)) return 'enroll.version must be a whole number';
  if (typeof code !== 'string' || code.length > CODE_LIMIT_CHARS)
    return `enroll.code must be a text of at most ${CODE_LIMIT_CHARS} characters`;
  if (!isPem(csr)) return `enroll.${CSR_FAULT}`;
  if (!isHostName(host))
    return `enroll.host must be a name of 1 to ${HOST_LIMIT_CHARS} characters, without spaces and invisible ones`;
  return { type: 'enroll', version: version as number, code, csr, host };
}

/** Reads `renew`; the text says which field cannot be used. */
export function renewFrom({ csr }: Record<string, unknown>): Renew | string {
  return isPem(csr) ? { type: 'renew', csr } : `renew.${CSR_FAULT}`;
}
