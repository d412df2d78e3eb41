/** Results of queries about keys. Each is described once, as in results.ts. */
import { integer, list, object, orNull, type Static, text } from '../../service/schema.ts';
import { time } from './results.ts';

/** A key in `GET /api/keys`. */
export const LoginKey = object({
  key: text({ description: 'Its fingerprint' }),
  type: orNull(text({ description: 'Such as ED25519, or ED25519-CERT for a certificate' })),
  certificate: orNull(
    object({
      id: text(),
      serial: text({ description: 'A number of up to 64 bits' }),
      ca: text({ description: "The CA's type and fingerprint" }),
    }),
  ),
  users: list(text(), { description: 'Who used it, last first, at most 20, of its last 1,000 uses' }),
  hosts: list(text(), { description: 'Where it was used, last first, at most 20, of its last 1,000 uses' }),
  firstUsed: time,
  lastUsed: time,
  logins: integer(),
  sources: list(text(), { description: 'From where it was used, last first, at most 20, of its last 1,000 uses' }),
});
export type LoginKey = Static<typeof LoginKey>;

/** The answer about one key: `GET /api/keys/FINGERPRINT`. */
export const KeyDetail = object({
  ...LoginKey.properties,
  uses: list(
    object({
      user: orNull(text()),
      host: text(),
      ip: orNull(text()),
      firstUsed: time,
      lastUsed: time,
      logins: integer(),
    }),
    { description: 'Last first, at most 1,000' },
  ),
});
export type KeyDetail = Static<typeof KeyDetail>;

/** The place where a page of keys goes on. */
export interface KeyCursor {
  readonly atMs: number;
  readonly fingerprint: string;
}

/** Writes a cursor as an answer's `next` has it. */
export const keyCursor = ({ atMs, fingerprint }: KeyCursor): string => `${atMs}.${fingerprint}`;

/** A question for keys; null leaves a condition out. */
export interface KeyQuery {
  readonly user: string | null;
  readonly host: string | null;
  /** Those not used since then, Unix milliseconds. */
  readonly unusedSinceMs: number | null;
  readonly limit: number;
  readonly cursor: KeyCursor | null;
}

/** Keys, those used last first, and where to go on. */
export interface KeyPage {
  readonly keys: readonly LoginKey[];
  readonly next: KeyCursor | null;
}
