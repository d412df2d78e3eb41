/** Encrypts what servers keep in the shared log and PostgreSQL must not know: AES-256-GCM under a key made of the password by scrypt. */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** 32 MiB and some 0.3 s for each guess, which is what OWASP advises for scrypt (RFC 7914). */
const COST = { N: 32_768, r: 8, p: 3, maxmem: 67_108_864 } as const;
/** The first part of what is sealed: another way of sealing gets another one. */
const VERSION = '1';

/** Encrypts a text under a password. `name` is bound to it: under another name it does not open. */
export async function seal(plain: string, password: string, name: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, await keyOf(password, salt), nonce).setAAD(Buffer.from(name));
  const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
  return `${VERSION}.${Buffer.concat([salt, nonce, cipher.getAuthTag(), sealed]).toString('base64')}`;
}

/** Decrypts what `seal` made; null where the password or the name is another one, or it was changed. */
export async function unseal(sealed: string, password: string, name: string): Promise<string | null> {
  const [version, text = ''] = sealed.split('.');
  const bytes = Buffer.from(text, 'base64');
  if (version !== VERSION || bytes.length < SALT_BYTES + NONCE_BYTES + TAG_BYTES) return null;
  const part = (from: number, length?: number): Buffer =>
    bytes.subarray(from, length === undefined ? undefined : from + length);
  const key = await keyOf(password, part(0, SALT_BYTES));
  const decipher = createDecipheriv(CIPHER, key, part(SALT_BYTES, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(name))
    .setAuthTag(part(SALT_BYTES + NONCE_BYTES, TAG_BYTES));
  try {
    const begun = decipher.update(part(SALT_BYTES + NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([begun, decipher.final()]).toString('utf8');
  } catch {
    // GCM's tag is not that of these bytes under this key.
    return null;
  }
}

const keyOf = (password: string, salt: Buffer): Promise<Buffer> =>
  new Promise((done, failed) =>
    scrypt(password, salt, KEY_BYTES, COST, (error, key) => (error ? failed(error) : done(key))),
  );
