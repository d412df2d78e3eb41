/** A real alphaserver or alphaclient as a child process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
/** As long as a program may take to stop before it is killed. */
const STOP_LIMIT_MS = 8_000;
/** Characters of a program's output that are kept, to show why it ended. */
const OUTPUT_LIMIT_CHARS = 4_000;

/** A running program. */
export class Program {
  readonly #child: ChildProcess;
  readonly #name: string;
  #output = '';
  #page: string | null = null;

  /** Starts `PROGRAM/main.ts` with these settings alone, in the folder given: no `.env` of the person who runs it. */
  constructor(program: 'alphaserver' | 'alphaclient', settings: Readonly<Record<string, string>>, folder: string) {
    this.#name = program;
    this.#child = spawn(process.execPath, [join(ROOT, program, 'main.ts')], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', TZ: 'UTC', LOG_LEVEL: 'warn', ...settings },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Out of the terminal's process group: Ctrl-C is for the demo, which stops its programs in order.
      detached: true,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_LIMIT_CHARS);
      });
    this.#child.on('message', ({ say }: { say?: string }) => {
      const address = /^Page: (\S+)$/.exec(say ?? '');
      if (address) this.#page = address[1] ?? null;
    });
  }

  /** The page's address, once a server has written it. */
  get page(): string | null {
    return this.#page;
  }

  /** Throws, with its last output, when it has ended. */
  check(): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null)
      throw new Error(`${this.#name} ended: ${this.#output.trim() || 'it wrote nothing'}`);
  }

  /** Stops it and waits until it is gone. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await gone;
    clearTimeout(late);
  }
}
