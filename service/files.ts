/** Checks what a setting points to, and makes what nobody but its owner may read. A fault is the end of the sentence `... cannot be used: ...`; null is none. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UserError } from './user-error.ts';

/** Reasons of the system in words. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder, and not a file',
  ENOTDIR: 'a part of its path is a file, and not a folder',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  ENAMETOOLONG: 'a name in it is too long',
  ELOOP: 'its links lead in a circle',
};

const reasonOf = (error: unknown): string => {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return REASONS[code] ?? message;
};

/** The content of a file, or why it cannot be read. */
type Read = { readonly bytes: Buffer } | { readonly fault: string };

function readFile(path: string): Read {
  try {
    return { bytes: readFileSync(path) };
  } catch (error) {
    return { fault: reasonOf(error) };
  }
}

/** Checks that a file is there and may be read. */
export function fileFault(path: string): string | null {
  const read = readFile(path);
  return 'fault' in read ? read.fault : null;
}

/** Checks a file that need not be there yet, nor be readable at any time: that it is no folder, and none of its folders a file. */
export function laterFileFault(path: string): string | null {
  try {
    return statSync(path).isDirectory() ? (REASONS['EISDIR'] ?? null) : null;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    return ['ENOENT', 'EACCES', 'EPERM'].includes(code) ? null : reasonOf(error);
  }
}

/** Tells whether this user may not look into a folder. Whatever is in it seems to be missing then. */
export function isClosed(folder: string): boolean {
  try {
    // Of the folder itself its parent decides, of what is in it the folder.
    statSync(`${folder}/.`);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES';
  }
}

/** Throws a UserError where this user may not look into a folder, for a command that is about to say that something is missing in it. */
export function mustBeOpen(folder: string): void {
  if (isClosed(folder))
    throw new UserError(`this user may not look into ${folder}: run this as root, or as the user to whom it belongs`);
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Checks a file of certificates: one, with those that signed it, or those of authorities. */
export function certificatesFault(path: string): string | null {
  const read = readFile(path);
  if ('fault' in read) return read.fault;
  const found = read.bytes.toString('latin1').match(CERTIFICATE) ?? [];
  if (found.length === 0) return 'it holds no certificate in PEM';
  for (const [i, pem] of found.entries())
    try {
      new X509Certificate(pem);
    } catch {
      return `its certificate ${i + 1} of ${found.length} is damaged`;
    }
  return null;
}

/** Says that the first certificate of a file has expired; null where it has not, or cannot be read. */
export function expiryFault(path: string, nowMs: number): string | null {
  if (certificatesFault(path) !== null) return null;
  const { validTo } = new X509Certificate(readFileSync(path));
  const endsMs = Date.parse(validTo);
  return endsMs > nowMs ? null : `The certificate in ${path} expired at ${new Date(endsMs).toISOString()}`;
}

/** The mode bits of those who are neither a file's owner nor of its group. A group may read: Debian's `ssl-cert` is one for keys. */
const OPEN_TO_OTHERS = 0o007;

/** Checks a file with a private key, which others may not read. */
export function privateKeyFault(path: string): string | null {
  const read = readFile(path);
  return 'fault' in read ? read.fault : keyFault(read.bytes, statSync(path).mode);
}

/** Checks a private key by its content and its file's mode. */
export function keyFault(bytes: Buffer, mode: number): string | null {
  try {
    createPrivateKey(bytes);
    const isOpen = (mode & OPEN_TO_OTHERS) !== 0;
    return isOpen ? 'every user of this machine can read or replace it: chmod o= takes that from them' : null;
  } catch {
    // RFC 7468 names an encrypted key so, and RFC 1421 in a header.
    if (/ENCRYPTED/.test(bytes.toString('latin1')))
      return 'its key is encrypted, and there is nobody to type the passphrase';
    return 'it holds no private key in PEM';
  }
}

/** Checks that a key belongs to the first certificate of a file; both are well on their own. */
export function keyPairFault(certificateFile: string, keyFile: string): string | null {
  const certificate = new X509Certificate(readFileSync(certificateFile));
  const fits = certificate.checkPrivateKey(createPrivateKey(readFileSync(keyFile)));
  return fits ? null : `its key is not that of the certificate in ${certificateFile}`;
}

/** Every file of MaxMind's format has this before its metadata, which is at most 128 KiB long. */
const MMDB_MARK = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
const MMDB_METADATA_BYTES = 131_072;

/** Checks files of MaxMind's format, with commas between them. */
export function geoipFault(paths: string): string | null {
  for (const path of paths.split(',').map((one) => one.trim())) {
    const read = readFile(path);
    const named = paths.includes(',') ? `${path}: ` : '';
    if ('fault' in read) return named + read.fault;
    if (!read.bytes.subarray(-MMDB_METADATA_BYTES).includes(MMDB_MARK))
      return `${named}it is no file of MaxMind's format (.mmdb)`;
  }
  return null;
}

/** The mode of a folder that is made here: nobody but its owner may look into it. */
const FOLDER_MODE = 0o700;
const ROOT_UID = 0;

/**
 * Makes a folder and those it is in, where they are not there. One by one: Node's own way never ends under `/proc`, where
 * the system says that the parent is missing though it is there.
 */
export function makeFolder(path: string): void {
  const whole = resolve(path);
  if (statSync(whole, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dirname(whole) !== whole) makeFolder(dirname(whole));
  try {
    mkdirSync(whole, { mode: FOLDER_MODE });
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!statSync(whole, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}

/** Reasons why a folder cannot be made or written. */
const FOLDER_REASONS: Readonly<Record<string, string>> = {
  ...REASONS,
  EEXIST: 'it is a file, and not a folder',
  ENOENT: 'no folder can be made there',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'its file system is read-only',
  ENOSPC: 'its file system is full',
};

/** The bits of a mode that let others write into a folder. */
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Checks that a folder is this user's own, and that no link in it leads elsewhere: who can put a link there chooses what this
 * process writes. Takes the right to write from others where there is one.
 */
function ownershipFault(path: string): string | null {
  const uid = process.getuid?.();
  // A slash at its end would have the link followed.
  const link = lstatSync(resolve(path));
  const folder = statSync(path);
  if (uid === undefined) return null;
  if (folder.uid !== uid) return 'it belongs to another user';
  if (link.isSymbolicLink() && link.uid !== uid && link.uid !== ROOT_UID) return 'it is a link of another user';
  const linked = readdirSync(path, { withFileTypes: true }).find((entry) => entry.isSymbolicLink());
  if (linked !== undefined) return `${linked.name} in it is a link`;
  if ((folder.mode & WRITABLE_BY_OTHERS) !== 0) chmodSync(path, folder.mode & ~WRITABLE_BY_OTHERS & 0o7777);
  return null;
}

/** Checks that a folder can be written and is this user's own, and makes it where it is not there. */
export function folderFault(path: string): string | null {
  try {
    makeFolder(path);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return ownershipFault(path);
  } catch (error) {
    const { code = '', message, path: where } = error as NodeJS.ErrnoException;
    const reason = code === 'EEXIST' && where !== resolve(path) ? 'ENOTDIR' : code;
    return FOLDER_REASONS[reason] ?? message;
  }
}

/**
 * Runs `work`, which writes into a folder. Root runs it as the user to whom the folder belongs, or the link that leads to it: that
 * user has to read what is written there, and root itself would follow links that this user made. Throws where there is no folder.
 */
export function asOwnerOf<T>(folder: string, work: () => T): T {
  if (process.geteuid?.() !== ROOT_UID) return work();
  const owner = [lstatSync(folder), statSync(folder)].find(({ uid }) => uid !== ROOT_UID);
  if (owner === undefined) return work();
  const ownGid = process.getegid?.() ?? 0;
  process.setegid?.(owner.gid);
  process.seteuid?.(owner.uid);
  try {
    return work();
  } finally {
    process.seteuid?.(ROOT_UID);
    process.setegid?.(ownGid);
  }
}

/** Makes a folder as `makeFolder` does; where root runs it, for the owner of the folder that it is in. */
export function makeInnerFolder(path: string): void {
  const outer = dirname(resolve(path));
  makeFolder(outer);
  asOwnerOf(outer, () => makeFolder(path));
}

/** The mode of a file that is written here: nobody but its owner may read it. */
const FILE_MODE = 0o600;

/**
 * Replaces a file's content. Writes a new file and renames it: a reader, and a crash at any point, finds the old file or the new
 * one. Where root runs it, the file is for the owner of its folder. Throws where it cannot be written whole, as on a full disk; the
 * old file stays as it is then.
 */
export function replaceFile(path: string, content: string): void {
  asOwnerOf(dirname(resolve(path)), () => {
    const written = `${path}.${process.pid}.new`;
    // A crash may have left one of this name; what another process puts there meanwhile is not written to.
    rmSync(written, { force: true });
    try {
      const descriptor = openSync(written, 'wx', FILE_MODE);
      try {
        // A single write may end in the middle without an error where the disk becomes full; this one goes on until all is written.
        writeFileSync(descriptor, content);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      renameSync(written, path);
    } catch (error) {
      rmSync(written, { force: true });
      throw error;
    }
  });
}
