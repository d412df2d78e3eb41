/** Files that are read again when they change. A change counts as read once the files were read: one that no read succeeded on stands. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { FileStamp } from './file-stamp.ts';

/** One file as it was read. */
export interface FileContent {
  readonly bytes: Buffer;
  readonly mode: number;
}

/** The files, and what is made of them. */
export interface ChangingFilesOptions<T> {
  /** A null is a file that is not set. */
  readonly paths: readonly (string | null)[];
  /** True where a file may be missing: its content is null then, as that of a file that is not set. */
  readonly mayBeMissing: boolean;
  /** Makes something of the contents, by nothing but them. Throws where they are damaged. */
  readonly parse: (contents: readonly (FileContent | null)[]) => T;
}

/** What a look at the files found. Each fault is found once. */
export type Look<T> =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'value'; readonly value: T }
  /** Nothing new can be taken over. `message` is the error's, and says of one that passes that the next look reads again. */
  | { readonly kind: 'fault'; readonly error: Error; readonly message: string };

const UNCHANGED = { kind: 'unchanged' } as const;

/** Reads files at the first look, and where they have changed. */
export class ChangingFiles<T> {
  readonly #options: ChangingFilesOptions<T>;
  readonly #stamp = new FileStamp();
  /** The system's code of the fault that was found last, until the files could be read. */
  #foundCode: string | null = null;

  constructor(options: ChangingFilesOptions<T>) {
    this.#options = options;
  }

  /** Reads the files for the first time. Throws where they cannot be read or are damaged. */
  start(): T {
    const look = this.look();
    if (look.kind === 'value') return look.value;
    throw look.kind === 'fault' ? look.error : new Error('the files were read before');
  }

  /**
   * Reads the files where they have changed. Files that cannot be read, as without a free descriptor, are read again at the next look;
   * contents that are damaged not before they change.
   */
  look(): Look<T> {
    const { paths, mayBeMissing, parse } = this.#options;
    let contents: readonly (FileContent | null)[];
    try {
      if (!this.#stamp.hasChanged(paths)) return UNCHANGED;
      contents = paths.map((path) => (path === null ? null : read(path, mayBeMissing)));
    } catch (thrown) {
      const error = thrown as NodeJS.ErrnoException;
      const code = error.code ?? '';
      if (code === this.#foundCode) return UNCHANGED;
      this.#foundCode = code;
      return { kind: 'fault', error, message: `${error.message}; it is tried again` };
    }
    this.#stamp.accept();
    this.#foundCode = null;
    try {
      return { kind: 'value', value: parse(contents) };
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      return { kind: 'fault', error, message: error.message };
    }
  }
}

function read(path: string, mayBeMissing: boolean): FileContent | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    // Below a file there is none either; what writes there names the setting.
    if (mayBeMissing && ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
  try {
    return { bytes: readFileSync(descriptor), mode: fstatSync(descriptor).mode };
  } finally {
    closeSync(descriptor);
  }
}
