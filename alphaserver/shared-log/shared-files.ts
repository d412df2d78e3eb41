/**
 * Small files that must be the same in the folders of all servers, such as the tokens of agents: a change of one is a decision in
 * the shared log, and the last one holds. Commands change the file of their own folder, as they do where a server is alone.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FileStamp } from '../../service/file-stamp.ts';
import { replaceFile } from '../../service/files.ts';
import type { NewDecision } from '../store/decisions.ts';
import { tryFileLock } from '../store/file-lock.ts';

/** The files that are shared. */
export const SHARED_FILES = [
  'tokens.json',
  'script-tokens.json',
  'revoked.json',
  'users.json',
  'ended-sessions.json',
] as const;
/** The longest file that is shared, in bytes: some 50,000 tokens. */
export const FILE_LIMIT_BYTES = 16_777_216;
/** The kind of decision that carries a file: its subject is the file's name. */
export const FILE_DECISION = 'file';
/** Bits of a digest that the store keeps as a number. */
const DIGEST_BYTES = 6;
/** Interval at which the files are looked at. */
const LOOK_EVERY_MS = 1_000;

/** The folder, and the two ends of the log. */
export interface SharedFilesOptions {
  readonly folder: string;
  /** Appends a decision to the shared log. */
  readonly decide: (decisions: readonly NewDecision[]) => Promise<void>;
  /** Gives and keeps the digest of a file's content that was last the same here and in the log; 0 for none. */
  readonly agreed: (file: string) => number;
  readonly agree: (file: string, digest: number) => void;
  /** Gives the content of a file by the last decision about it in this server's copy of the log; null where there is none. */
  readonly decided: (file: string) => string | null;
  /** Hears why a change could not be shared; it is tried again. */
  readonly failed: (file: string, error: unknown) => void;
}

/** Starts with the construction. */
export class SharedFiles {
  readonly #options: SharedFilesOptions;
  readonly #stamps = new Map<string, FileStamp>(SHARED_FILES.map((file) => [file, new FileStamp()]));
  readonly #timer: NodeJS.Timeout;
  /** The content of each file by the log, as it was read last. */
  readonly #ofLog = new Map<string, string | null>();
  #looking: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: SharedFilesOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS).unref();
    this.look();
  }

  /** Hears that other servers decided something: a file of theirs may be newer. */
  decided(): void {
    this.#ofLog.clear();
    this.look();
  }

  /** Looks for changes on both sides, once a second. */
  look(): void {
    if (this.#isClosed) return;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    for (const file of SHARED_FILES) {
      try {
        await this.#lookAt(file);
      } catch (error) {
        this.#options.failed(file, error);
      }
    }
  }

  /**
   * A file that was changed here since both sides agreed goes to the log; else the log's content comes here. Rejects, once for each
   * change, where it was damaged here: that stays here, until it is mended or the log has something newer.
   */
  async #lookAt(file: string): Promise<void> {
    const { folder, decide, agreed, agree } = this.#options;
    const path = join(folder, file);
    const stamp = this.#stamps.get(file);
    const isTouched = stamp?.hasChanged([path]) ?? true;
    const ofLog = this.#contentOfLog(file);
    const before = agreed(file);
    const isNewer = ofLog !== null && digestOf(ofLog) !== before;
    if (!isTouched && !isNewer) return;
    const here = contentOf(path);
    const isChanged = here !== null && digestOf(here) !== before && here !== ofLog;
    if (isChanged && isWhole(here)) {
      await decide([{ kind: FILE_DECISION, subject: file, by: null, body: { content: here } }]);
      // Another server may have decided on it since: the next look reads what the log says now.
      this.#ofLog.delete(file);
      agree(file, digestOf(here));
    } else if (isChanged && !isNewer) {
      stamp?.accept();
      throw new Error('it is damaged here');
    } else if (ofLog !== null) {
      // What a command of this host changes meanwhile is not written over: the next look finds it.
      if (here !== ofLog && !replaceUnchanged(path, here, ofLog)) return;
      if (isNewer) agree(file, digestOf(ofLog));
    }
    stamp?.accept();
  }

  #contentOfLog(file: string): string | null {
    const known = this.#ofLog.get(file);
    if (known !== undefined) return known;
    const content = this.#options.decided(file);
    this.#ofLog.set(file, content);
    return content;
  }
}

const digestOf = (content: string): number =>
  createHash('sha256').update(content).digest().readUIntBE(0, DIGEST_BYTES) || 1;

function contentOf(path: string): string | null {
  if (!existsSync(path)) return null;
  if (statSync(path).size > FILE_LIMIT_BYTES) throw new Error(`it is larger than ${FILE_LIMIT_BYTES} bytes`);
  return readFileSync(path, 'utf8');
}

/** Replaces a file that holds `before`. False where it holds something else by now, or a command is changing it: a server waits for none. */
function replaceUnchanged(path: string, before: string | null, content: string): boolean {
  const lock = tryFileLock(path);
  if (lock === null) return false;
  try {
    if (contentOf(path) !== before) return false;
    replaceFile(path, content);
    return true;
  } finally {
    lock.close();
  }
}

/** True for an object in JSON: what was cut off, or is being written, is none. */
function isWhole(content: string): boolean {
  try {
    const value: unknown = JSON.parse(content);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}
