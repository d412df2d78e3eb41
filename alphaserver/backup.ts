/**
 * Copies of a data folder: made beside a running server, and put back into an empty one. The databases are copied by SQLite
 * (`VACUUM INTO`), each as it is at one moment, events last; all else that stands in the folder is copied as it is.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { folderFault, replaceFile } from '../service/files.ts';
import { UserError } from '../service/user-error.ts';
import { ALERTS_FILE } from './alerting/schema.ts';
import { ROLLUPS_FILE } from './rollups/schema.ts';
import { openReadOnly } from './store/database.ts';
import { EVENTS_FILE, hasStore, tryLock } from './store/folder.ts';

/** The files are copied in this order: what is made from the events must not be ahead of them. */
const DATABASES = [ROLLUPS_FILE, ALERTS_FILE, EVENTS_FILE];
/** Lists what is in a backup. Written last: a backup without it is none. */
const LIST_FILE = 'backup.json';
const LIST_VERSION = 1;
/** Files of the process that has the folder open, what databases keep beside them, locks, and files that are being written. */
const LEFT_OUT = /^(?:running|lock\.db|backup\.json|.*\.db-(?:wal|shm|journal)|.*\.lock|.*\.new)$/;
const FOLDER_MODE = 0o700;

interface Listed {
  /** Relative to the folder. */
  readonly path: string;
  readonly bytes: number;
}

interface List {
  readonly version: number;
  readonly madeAt: string;
  readonly program: string;
  readonly files: readonly Listed[];
}

/** The contents of a backup. */
export interface BackupSummary {
  readonly files: number;
  readonly bytes: number;
}

/** Copies a data folder into a new or empty one. Throws a UserError where there is no store, or something is in the way. */
export function makeBackup(dataFolder: string, target: string, program: string, nowMs: number): BackupSummary {
  if (!hasStore(dataFolder))
    throw new UserError(`there is no store in ${dataFolder}: ALPHASERVER_DATA names its folder`);
  mustBeEmpty(target);
  for (const name of DATABASES) {
    if (!existsSync(join(dataFolder, name))) continue;
    const db = openReadOnly(join(dataFolder, name));
    try {
      db.prepare('VACUUM INTO ?').run(join(target, name));
    } finally {
      db.close();
    }
  }
  for (const path of filesOf(dataFolder)) if (!DATABASES.includes(path)) copyInto(dataFolder, target, path);
  const files = filesOf(target).map((path) => ({ path, bytes: statSync(join(target, path)).size }));
  const list: List = { version: LIST_VERSION, madeAt: new Date(nowMs).toISOString(), program, files };
  replaceFile(join(target, LIST_FILE), `${JSON.stringify(list, null, 2)}\n`);
  return summaryOf(files);
}

/**
 * Puts a backup into a data folder that holds nothing of its own. Throws a UserError where the backup is not whole, a server has
 * the folder open, or something is in the way. Holds the folder until all is there: a server that started meanwhile would make a store
 * of its own in it. Events come last: a folder without them is not taken for a store.
 */
export function restoreBackup(source: string, dataFolder: string): BackupSummary & { readonly madeAt: string } {
  const { files, madeAt } = listIn(source);
  const fault = folderFault(dataFolder);
  if (fault !== null) throw new UserError(`${dataFolder} cannot be used: ${fault}`);
  const lock = tryLock(dataFolder);
  if (lock === null) throw new UserError(`an alphaserver has ${dataFolder} open: stop it first`);
  try {
    const there = filesOf(dataFolder);
    if (there.length > 0)
      throw new UserError(`${dataFolder} is not empty (${there[0]}): move what is in it away, so that it is not lost`);
    for (const { path } of [...files].sort((a, b) => Number(a.path === EVENTS_FILE) - Number(b.path === EVENTS_FILE)))
      copyInto(source, dataFolder, path);
  } finally {
    lock.close();
  }
  return { ...summaryOf(files), madeAt };
}

const summaryOf = (files: readonly Listed[]): BackupSummary => ({
  files: files.length,
  bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
});

function mustBeEmpty(folder: string): void {
  const fault = folderFault(folder);
  if (fault !== null) throw new UserError(`${folder} cannot be used: ${fault}`);
  if (readdirSync(folder).length > 0) throw new UserError(`${folder} is not empty: a backup needs a folder of its own`);
}

/** Returns the paths of all files below a folder that belong into a copy of it. */
function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !LEFT_OUT.test(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** Copies one file with its permissions, and makes the folders above it. */
function copyInto(from: string, to: string, path: string): void {
  mkdirSync(join(to, path, '..'), { recursive: true, mode: FOLDER_MODE });
  copyFileSync(join(from, path), join(to, path));
}

/** Reads the list of a backup, and looks whether all that it lists is there. Throws a UserError. */
function listIn(source: string): List {
  const damaged = (what: string): UserError => new UserError(`${source} is no whole backup: ${what}`);
  let list: List;
  try {
    list = JSON.parse(readFileSync(join(source, LIST_FILE), 'utf8')) as List;
  } catch (cause) {
    throw damaged(`its ${LIST_FILE} cannot be read: ${(cause as Error).message}`);
  }
  if (list.version !== LIST_VERSION || !Array.isArray(list.files)) throw damaged('it was made by another version');
  for (const { path, bytes } of list.files) {
    const stat = statSync(join(source, path), { throwIfNoEntry: false });
    if (stat?.size !== bytes)
      throw damaged(`${path} is ${stat === undefined ? 'missing' : `${stat.size} and not ${bytes} bytes long`}`);
  }
  return list;
}
