/**
 * Hands requests of commands to the process that has a folder open: files in a folder of its own, which both can read. A request is
 * one file, its answer another; each is there as a whole or not at all. What a crash leaves behind is removed at the next start.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from './files.ts';

/** The folder in a data folder. */
const FOLDER = 'requests';
const REQUEST = /^[0-9a-f-]{36}\.request$/;
const LOOK_EVERY_MS = 500;
const WAIT_EVERY_MS = 100;
/** A command waits this long for its answer. */
export const ANSWER_LIMIT_MS = 30_000;
/** The longest request, in bytes. */
const REQUEST_LIMIT_BYTES = 65_536;

/** The answer of a process: a value, or why it does not do it. */
export type Answer = { readonly value: unknown } | { readonly fault: string };

/** Writes a file for the owner of the folder, who has to read and remove it. */
const write = (file: string, content: unknown): void => replaceFile(file, JSON.stringify(content));

/** Answers requests until `close`. */
export class Mailbox {
  readonly #folder: string;
  readonly #handle: (request: unknown) => Answer | Promise<Answer>;
  readonly #timer: NodeJS.Timeout;

  /** Makes the folder, and removes what is left in it. `handle` must not throw. */
  constructor(dataFolder: string, handle: (request: unknown) => Answer | Promise<Answer>) {
    this.#folder = join(dataFolder, FOLDER);
    this.#handle = handle;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.#folder)) rmSync(join(this.#folder, name), { force: true });
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    let names: string[];
    try {
      names = readdirSync(this.#folder);
    } catch {
      // The folder was removed by hand: nobody can ask until the next start.
      return;
    }
    for (const name of names.filter((one) => REQUEST.test(one))) {
      const file = join(this.#folder, name);
      const request = requestIn(file);
      rmSync(file, { force: true });
      void this.#answer(name.replace('.request', '.answer'), request);
    }
  }

  async #answer(name: string, request: { readonly content: unknown } | { readonly fault: string }): Promise<void> {
    const answer = 'fault' in request ? request : await this.#handle(request.content);
    try {
      write(join(this.#folder, name), answer);
    } catch {
      // A full disk: whoever asked gives up after its time, and finds what was done by asking again.
    }
  }
}

function requestIn(file: string): { readonly content: unknown } | { readonly fault: string } {
  try {
    if (statSync(file).size > REQUEST_LIMIT_BYTES) return { fault: 'the request is too long' };
    return { content: JSON.parse(readFileSync(file, 'utf8')) };
  } catch (error) {
    return { fault: `the request cannot be read: ${(error as Error).message}` };
  }
}

/** Asks the process that has the folder open. Resolves with its answer, or with a fault where none comes in time. */
export async function ask(dataFolder: string, request: unknown, limitMs = ANSWER_LIMIT_MS): Promise<Answer> {
  const folder = join(dataFolder, FOLDER);
  if (!existsSync(folder)) return { fault: 'the server that uses the data folder takes no requests' };
  const id = randomUUID();
  const [asked, answered] = [join(folder, `${id}.request`), join(folder, `${id}.answer`)];
  write(asked, request);
  const deadlineMs = performance.now() + limitMs;
  try {
    while (!existsSync(answered)) {
      if (performance.now() > deadlineMs) return { fault: `the server has not answered within ${limitMs / 1_000} s` };
      await new Promise((done) => setTimeout(done, WAIT_EVERY_MS));
    }
    return JSON.parse(readFileSync(answered, 'utf8')) as Answer;
  } finally {
    rmSync(asked, { force: true });
    rmSync(answered, { force: true });
  }
}
