/** The faults of the two programs, the wire between them, their disks, their clocks and the log. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../demo/random.ts';
import type { Pair, Program } from '../programs.ts';
import { Disk } from './disk.ts';
import type { Log } from './log.ts';
import type { Shared } from './shared.ts';
import type { Wire } from './wire.ts';

/** The clock is set by at most so much: a day and a half, which no retention takes for old. */
const CLOCK_STEP_LIMIT_MS = 36 * 60 * 60 * 1_000;
/** Older generations kept, and how many there are at most: a year of weeks, as some keep them. */
const GENERATIONS_KEPT = 10;
const GENERATIONS_LIMIT = 52;
/** Nothing more stored for so long, and nothing more will come. */
export const STANDSTILL_LIMIT_MS = 60_000;

/** An agent that is not far behind has read all within this time. */
const READ_LIMIT_MS = 3_000;

/** A disk is full for at most so long; less once the program has felt it. */
const FULL_LIMIT_MS = 3_000;
/** Messages are distinguished by this many first characters. */
const LOGGED_LIMIT_CHARS = 30;
/** Characters of a message that the history keeps. */
const NOTED_LIMIT_CHARS = 200;

/** Both programs, and what they stand on. */
export class Stage {
  readonly pair: Pair;
  readonly wire: Wire;
  readonly log: Log;
  readonly random: Random;
  /** Agent's and server's; null where this machine gives none. */
  readonly disks: readonly Disk[] | null;
  readonly #clock: string;
  /** The messages of both programs at `warn` and above, with their numbers. */
  readonly logged = new Map<string, number>();
  /** Number of messages of a program that its disk cannot be written. */
  troubles = 0;
  /** The history: faults and messages, with the number of attempts written until then. It shows where to look when some are missing. */
  readonly history: { readonly written: number; readonly text: string }[] = [];
  agent: Program | null = null;
  server: Program | null = null;
  /** The second server and what both share; null where one server is alone. */
  readonly shared: Shared | null;
  second: Program | null = null;

  constructor(pair: Pair, wire: Wire, log: Log, random: Random, smallDisks: boolean, shared: Shared | null) {
    this.shared = shared;
    this.pair = pair;
    this.wire = wire;
    this.log = log;
    this.random = random;
    this.#clock = join(pair.folder, 'clock');
    this.disks = smallDisks ? ['agent', 'server'].map((name) => new Disk(join(pair.folder, name))) : null;
    this.setClock(0);
  }

  setClock(stepMs: number): void {
    writeFileSync(this.#clock, String(stepMs));
  }

  #env(): Record<string, string> {
    const clock = join(import.meta.dirname, 'clock.ts');
    return { NODE_OPTIONS: `--import=${clock}`, CHAOS_CLOCK: this.#clock, LOG_LEVEL: 'warn' };
  }

  note(text: string): void {
    this.history.push({ written: this.log.truth.size, text: `${(performance.now() / 1_000).toFixed(3)} ${text}` });
  }

  startAgent(): void {
    if (this.agent !== null) return;
    this.note('agent started');
    const ports = [this.wire.port, ...(this.shared ? [this.shared.wire.port] : [])];
    this.agent = this.pair.agent({
      ...this.#env(),
      ALPHACLIENT_SERVER: ports.map((port) => `tcp://127.0.0.1:${port}`).join(),
    });
    this.#attend(this.agent, () => {
      this.agent = null;
    });
  }

  /** Starts the server, and the second one, where they do not run. */
  startServer(): void {
    if (this.server === null) {
      this.note('server started');
      this.server = this.pair.server({ ...this.#env(), ...this.shared?.env });
      this.#attend(this.server, () => {
        this.server = null;
      });
    }
    if (this.shared === null || this.second !== null) return;
    this.note('second server started');
    this.second = this.shared.pair.server({ ...this.#env(), ...this.shared.env });
    this.#attend(this.second, () => {
      this.second = null;
    });
  }

  async endSecond(signal: NodeJS.Signals): Promise<void> {
    this.note(`second server gets ${signal}`);
    await this.second?.end(signal);
  }

  /**
   * Counts what is logged, by its first words: shows that the faults were felt, and what else there was. `ended`: called when
   * it has ended, which it also may by itself; a service manager would start it again, and so does the next fault.
   */
  #attend(program: Program, ended: () => void): void {
    void program.ended.then(ended);
    program.onOutput((text) => {
      this.note(`logged: ${text.trim().slice(0, NOTED_LIMIT_CHARS)}`);
      if (/cannot be written|Nothing is stored|disk is full/.test(text)) this.troubles += 1;
      for (const line of text.split('\n')) {
        const words = line
          .replace(/\S*[\d/]\S*/g, '…')
          .slice(0, LOGGED_LIMIT_CHARS)
          .trim();
        if (words !== '') this.logged.set(words, (this.logged.get(words) ?? 0) + 1);
      }
    });
  }

  async endAgent(signal: NodeJS.Signals): Promise<void> {
    this.note(`agent gets ${signal}`);
    await this.agent?.end(signal);
  }

  async endServer(signal: NodeJS.Signals): Promise<void> {
    this.note(`server gets ${signal}`);
    await this.server?.end(signal);
  }

  /** Gives the number of stored attempts; null where the server does not answer. */
  async stored(): Promise<number | null> {
    const limit = AbortSignal.timeout(2_000);
    const url = `http://127.0.0.1:${this.pair.httpPort}/api/ledger`;
    return fetch(url, { signal: limit })
      .then((answer) => answer.json() as Promise<{ totals: { stored: number } }>)
      .then(
        ({ totals }) => totals.stored,
        () => null,
      );
  }

  /**
   * Has an agent that runs read a line of the newest log, and all else; false where that takes too long. So it has seen that log,
   * and knows the older ones as such: else it could not know that nothing came after what it read of them, and would say so.
   */
  async read(): Promise<boolean> {
    this.startAgent();
    this.log.write(1);
    this.log.finishLine();
    for (const endMs = Date.now() + READ_LIMIT_MS; Date.now() < endMs; await pause(50))
      if ((await this.stored()) === this.log.truth.size) return true;
    return false;
  }

  /** Waits until all that was written is stored, as long as it gets on; false where it does not. */
  async settled(): Promise<boolean> {
    this.startServer();
    this.startAgent();
    this.log.finishLine();
    let most = -1;
    for (let endMs = Date.now() + STANDSTILL_LIMIT_MS; Date.now() < endMs; await pause(100)) {
      const stored = await this.stored();
      if (stored === this.log.truth.size) return true;
      if (stored === null || stored <= most) continue;
      most = stored;
      endMs = Date.now() + STANDSTILL_LIMIT_MS;
    }
    return false;
  }

  /** Lets the agent catch up where it is far behind, and deletes what it has read then, as rotation does in time. */
  async tidy(): Promise<void> {
    if (this.log.generations < GENERATIONS_LIMIT) return;
    // As in `read`.
    this.log.write(1);
    if (await this.settled()) this.prune();
  }

  /** Deletes older logs; all of them have been read. */
  prune(): void {
    this.log.allRead();
    this.log.prune(GENERATIONS_KEPT);
  }

  /** Copies what is on the small disks to where it outlives them. */
  keep(): void {
    for (const disk of this.disks ?? []) disk.keep();
  }

  close(): void {
    for (const disk of this.disks ?? []) disk.close();
  }
}

/** Does its harm; false where it could not be done now. */
type Fault = (stage: Stage) => unknown;

async function write(stage: Stage, times: number): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    stage.log.write(stage.random.whole(1, 40));
    await pause(stage.random.whole(0, 60));
  }
}

function rotate({ log, random }: Stage): void {
  if (random.chance(0.4) && log.copyAndTruncate()) return;
  log.rename();
  log.reopen();
}

/** Waits until a program says that it cannot write, or has had time enough to. */
async function felt(stage: Stage): Promise<void> {
  const before = stage.troubles;
  for (const endMs = Date.now() + FULL_LIMIT_MS; Date.now() < endMs && stage.troubles === before; )
    await write(stage, 1);
}

async function fullDisk(stage: Stage, which: number): Promise<boolean> {
  const disk = stage.disks?.[which];
  if (disk === undefined) return false;
  disk.fill();
  // A database has some room in its own files: more than that must come.
  stage.log.write(stage.random.whole(500, 5_000));
  await felt(stage);
  // The program may be killed while there is no room, too.
  if (stage.random.chance(0.3)) await (which === 0 ? stage.endAgent('SIGKILL') : stage.endServer('SIGKILL'));
  if (stage.random.chance(0.5)) {
    stage.startAgent();
    stage.startServer();
    await write(stage, stage.random.whole(1, 8));
  }
  disk.free();
  stage.startServer();
  return true;
}

async function frozen(stage: Stage, program: Program | null): Promise<boolean> {
  if (program === null) return false;
  program.child.kill('SIGSTOP');
  await write(stage, stage.random.whole(1, 8));
  program.child.kill('SIGCONT');
  return true;
}

/** Faults of the second server and of PostgreSQL. */
export const SHARED_FAULTS: Readonly<Record<string, Fault>> = {
  'second server killed': async (stage) => {
    await stage.endSecond('SIGKILL');
    await write(stage, stage.random.whole(0, 12));
    stage.startServer();
  },
  'second server stopped in order': (stage) => stage.endSecond('SIGTERM').then(() => undefined),
  'second server frozen': (stage) => frozen(stage, stage.second),
  'both servers killed': async (stage) => {
    await Promise.all([stage.endServer('SIGKILL'), stage.endSecond('SIGKILL')]);
    stage.startServer();
  },
  'connection to the second server cut': ({ shared, random }) => shared?.wire.cut(random.chance(0.5)),
  'PostgreSQL killed': async (stage) => {
    stage.shared?.postgres.stop();
    await write(stage, stage.random.whole(1, 12));
    stage.shared?.postgres.resume();
  },
  'PostgreSQL restarted': (stage) => {
    stage.shared?.postgres.stop('fast');
    stage.shared?.postgres.resume();
  },
  'connections to PostgreSQL cut': ({ shared, random }) => {
    for (const wire of shared?.logWires ?? []) wire.cut(random.chance(0.5));
  },
  'connections to PostgreSQL stalled': async (stage) => {
    for (const wire of stage.shared?.logWires ?? []) wire.stall();
    await write(stage, stage.random.whole(1, 8));
    for (const wire of stage.shared?.logWires ?? []) wire.resume();
  },
  'standby promoted, old primary back': async (stage) => {
    stage.startServer();
    const folders = [stage.pair, stage.shared?.pair].map((pair) => join(pair?.folder ?? '', 'server'));
    await stage.shared?.failOver(folders, () => write(stage, stage.random.whole(1, 8)));
  },
  'pg_wal full': async (stage) => {
    if (stage.disks === null) return false;
    await stage.shared?.fillWal(() => write(stage, stage.random.whole(1, 8)));
    return true;
  },
};

export const FAULTS: Readonly<Record<string, Fault>> = {
  'agent killed': (stage) => stage.endAgent('SIGKILL').then(() => undefined),
  'agent stopped in order': (stage) => stage.endAgent('SIGTERM').then(() => undefined),
  'agent frozen': (stage) => frozen(stage, stage.agent),
  'server killed': async (stage) => {
    await stage.endServer('SIGKILL');
    await write(stage, stage.random.whole(0, 12));
    stage.startServer();
    return true;
  },
  'server stopped in order': async (stage) => {
    await stage.endServer('SIGTERM');
    stage.startServer();
    return true;
  },
  'server frozen': (stage) => frozen(stage, stage.server),
  'both killed': async (stage) => {
    await Promise.all([stage.endAgent('SIGKILL'), stage.endServer('SIGKILL')]);
    stage.startServer();
    return true;
  },
  'connection cut': ({ wire }) => wire.cut(false),
  'connection cut inside a line': ({ wire }) => wire.cut(true),
  'connection stalled': async (stage) => {
    stage.wire.stall();
    await write(stage, stage.random.whole(1, 8));
    stage.wire.resume();
    return true;
  },
  'log renamed and made anew': ({ log }) => {
    log.rename();
    log.reopen();
  },
  'log renamed, made anew later': async (stage) => {
    stage.log.rename();
    await write(stage, stage.random.whole(1, 8));
    stage.log.reopen();
    return true;
  },
  'new log copied and truncated at once': ({ log, random }) => {
    log.rename();
    log.reopen();
    log.write(random.whole(1, 40));
    if (!log.copyAndTruncate()) return false;
    log.write(random.whole(1, 40));
    return true;
  },
  'log copied and truncated': ({ log }) => log.copyAndTruncate(),
  'log deleted once read': async (stage) => {
    if (!(await stage.read())) return false;
    stage.log.remove();
    stage.log.write(1);
    // Killed before it has found the new log, the agent could not know that nothing was in the old one's end, and would say so.
    await stage.settled();
    return true;
  },
  'old log packed': ({ log }) => log.pack(),
  'rotations while the agent is down': async (stage) => {
    await stage.endAgent(stage.random.pick(['SIGKILL', 'SIGTERM']));
    for (let i = stage.random.whole(2, 4); i > 0; i -= 1) {
      await write(stage, 1);
      rotate(stage);
      if (stage.random.chance(0.4)) stage.log.pack();
    }
    stage.startAgent();
    return true;
  },
  'rotations in a row': async (stage) => {
    for (let i = stage.random.whole(2, 4); i > 0; i -= 1) {
      stage.log.write(stage.random.whole(1, 40));
      rotate(stage);
      if (stage.random.chance(0.4)) stage.log.pack();
    }
    return true;
  },
  'burst of attempts': ({ log, random }) => log.write(random.whole(1_000, 4_000)),
  'clock set': (stage) => {
    stage.setClock(stage.random.chance(0.3) ? 0 : stage.random.whole(-CLOCK_STEP_LIMIT_MS, CLOCK_STEP_LIMIT_MS));
  },
  "agent's disk full": (stage) => fullDisk(stage, 0),
  "server's disk full": (stage) => fullDisk(stage, 1),
  'old logs deleted once read': async (stage) => {
    if (!(await stage.read())) return false;
    stage.prune();
    return true;
  },
};
