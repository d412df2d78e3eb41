/**
 * `alphaserver keys revoke`: writes an OpenSSH key revocation list (KRL) for sshd's `RevokedKeys`, with ssh-keygen(1). The list is made
 * and checked beside the old one and renamed: sshd refuses every key while it cannot read the list.
 */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { ProgramIo } from '../../service/command-line.ts';
import { escapeText } from '../../service/escape.ts';
import { UserError } from '../../service/user-error.ts';
import type { Lock } from '../store/database.ts';
import { GROUP_MODE, lockFile } from '../store/file-lock.ts';
import type { Revoked } from './revoked-key.ts';

/** Its name in the data folder, unless another file is given. */
export const REVOKED_KEYS_FILE = 'revoked-keys';
/** sshd, which may run as another user, must be able to read the list. */
const PUBLIC_MODE = 0o644;
const SSH_KEYGEN_LIMIT_MS = 30_000;
/** The arguments of the command; `ca` is the file of the CA's public key. */
interface RevokeOptions {
  readonly keys: readonly Revoked[];
  readonly file: string | null;
  readonly ca: string | null;
}

const run = promisify(execFile);

/**
 * Adds keys to the list. Rejects with a UserError, and the list is as it was, where one is none, the list cannot be written, or another
 * command writes it for all of `limitMs`.
 */
export async function revokeCommand(
  { keys, file: given, ca }: RevokeOptions,
  dataFolder: string,
  { stdout }: Pick<ProgramIo, 'stdout'>,
  limitMs?: number,
): Promise<number> {
  const file = resolve(given ?? join(dataFolder, REVOKED_KEYS_FILE));
  const serials = keys.flatMap(({ serial }) => (serial === undefined ? [] : [serial]));
  if (serials.length > 0 && ca === null)
    throw new UserError("a certificate's serial means nothing without its CA: --ca FILE, the CA's public key", 2);
  if (!existsSync(dirname(file))) throw new UserError(`${shown(dirname(file))} is not there`, 1);
  const lock = locked(file, limitMs);
  try {
    await replace(file, keys, ca);
  } finally {
    lock.close();
  }
  const what = keys.length === 1 ? '1 key is' : `${keys.length} keys are`;
  stdout.write(
    `${what} revoked in ${shown(file)}. Take it to your hosts: \`RevokedKeys\` in sshd_config names it there, and counts from the next login on; sessions that are open go on.\n`,
  );
  return 0;
}

const shown = (text: string): string => escapeText(text, 240);

/** Keeps a second one from going on from the same list: one of both would be lost. Throws a UserError. */
function locked(file: string, limitMs?: number): Lock {
  try {
    return lockFile(file, limitMs, GROUP_MODE);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError(`${shown(file)} cannot be written: ${(cause as Error).message}`, 1, { cause });
  }
}

/** Makes the new list in a folder beside the old one, so that the rename stays on one file system. */
async function replace(file: string, keys: readonly Revoked[], ca: string | null): Promise<void> {
  const folder = mkdtempSync(`${file}.new-`);
  const [list, specification] = [join(folder, 'list'), join(folder, 'specification')];
  try {
    const isUpdate = existsSync(file);
    if (isUpdate) copyFileSync(file, list);
    const lines = keys.map(({ hash, serial }) => (hash === undefined ? `serial: ${serial}` : `hash: ${hash}`));
    writeFileSync(specification, `${lines.join('\n')}\n`);
    const issuer = ca === null ? [] : ['-s', resolve(ca)];
    await keygen(['-k', ...(isUpdate ? ['-u'] : []), ...issuer, '-f', list, specification]);
    await check(list, lines);
    chmodSync(list, PUBLIC_MODE);
    const fd = openSync(list, 'r');
    fsyncSync(fd);
    closeSync(fd);
    renameSync(list, file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads the list again, and throws where it lacks what was added: such a list is not to reach sshd. */
async function check(list: string, lines: readonly string[]): Promise<void> {
  const there = new Set((await keygen(['-Q', '-l', '-f', list])).split('\n').map((line) => line.trim()));
  const missing = lines.filter((line) => !there.has(line) && !there.has(inHex(line)) && !isInRange(line, there));
  if (missing.length > 0) throw new UserError(`ssh-keygen left out ${missing.map(shown).join(', ')}`, 1);
}

/** Writes a hash as ssh-keygen lists it: in hexadecimal digits. */
const inHex = (line: string): string =>
  line.replace(
    /^(hash: SHA256:)(.*)$/,
    (_, words: string, hash: string) => words + Buffer.from(hash, 'base64').toString('hex'),
  );

/** True for a serial that stands in a range: `serial: 3-9`. */
function isInRange(line: string, there: ReadonlySet<string>): boolean {
  const [, serial] = /^serial: (\d+)$/.exec(line) ?? [];
  if (serial === undefined) return false;
  return [...there].some((one) => {
    const [, first, last] = /^serial: (\d+)-(\d+)$/.exec(one) ?? [];
    return (
      first !== undefined && last !== undefined && BigInt(first) <= BigInt(serial) && BigInt(serial) <= BigInt(last)
    );
  });
}

async function keygen(args: readonly string[]): Promise<string> {
  try {
    return (await run('ssh-keygen', [...args], { timeout: SSH_KEYGEN_LIMIT_MS })).stdout;
  } catch (error) {
    const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT') throw new UserError('ssh-keygen is not there: install openssh-client', 1);
    throw new UserError(`ssh-keygen: ${shown((stderr || message).trim().split('\n').at(-1) ?? '')}`, 1);
  }
}
