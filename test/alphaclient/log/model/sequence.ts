/** Runs a sequence of actions on a simulated log with a follower, and compares what it emits with the truth. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { Follower, QUIET_MS } from '../../../../alphaclient/log/follower.ts';
import { type KnownFile, readPosition } from '../../../../alphaclient/log/position.ts';
import type { Chunk, LogPosition } from '../../../../alphaclient/log/source.ts';
import { bare, LineCounts, LogSimulation, type SimulationOptions } from './log-simulation.ts';
import { plainFs, preempt, refuse } from './preemption.ts';

/** One action. Each gives the two random numbers a meaning of its own. */
export interface Action {
  readonly name: (typeof ACTIONS)[number];
  readonly a: number;
  readonly b: number;
}

export interface Sequence {
  readonly log: SimulationOptions;
  readonly actions: readonly Action[];
  /** Whether all are of ORDERED_ACTIONS, so that lines must be emitted in the order in which they were written. */
  readonly isOrdered?: boolean;
}

/** Actions that replace the log by a longer copy of itself. */
const COPIES = ['copy-over', 'copy-over-detached', 'rewrite', 'rewrite-renamed'] as const;

/** The actions, each as often as it is to be picked. */
export const ACTIONS = [
  'write',
  ...['write', 'write', 'partial', 'partial', 'finish'],
  ...['rename', 'rename', 'move', 'create', 'copy', 'copy', 'leaky-copy', 'compress', 'compress'],
  ...['remove', 'remove-log', 'replace'],
  ...[
    'look',
    'look',
    'look',
    'take',
    'look-interrupted',
    'look-interrupted',
    'look-interrupted-often',
    'look-interrupted-often',
    'stop',
    'crash',
    'start',
    'start',
    'quiet',
  ],
  ...COPIES,
  'look-replaced',
  'look-replaced',
  'look-refused',
  'look-refused',
] as const;

/** Those after which the order is certain: no file with unread lines is replaced, deleted, or cannot be opened. */
export const ORDERED_ACTIONS = ACTIONS.filter(
  (name) => !['remove', 'remove-log', 'replace', 'look-replaced', 'look-refused', ...COPIES].includes(name),
) as [Action['name'], ...Action['name'][]];

interface Interrupted {
  readonly actions: readonly (readonly [number, number])[];
  readonly a: number;
  readonly b: number;
  readonly quick: boolean;
  /** Whether the log may be replaced by a copy. */
  readonly copies: boolean;
}

const READS_LIMIT = 1_000;

class Run {
  readonly log: LogSimulation;
  readonly logged: string[] = [];
  readonly gaps: Chunk['gaps'][number][] = [];
  /** The numbers of the lines that were committed, but for torn ones. */
  readonly #order: number[] = [];
  readonly #isOrdered: boolean;
  #follower: Follower | null = null;
  #position: LogPosition | null = null;
  /** Whether a copy may have taken the log's place, which cannot be compared with a log that cannot be opened. */
  #isReplaced = false;

  constructor(folder: string, { log, isOrdered = false }: Sequence) {
    this.#isOrdered = isOrdered;
    this.log = new LogSimulation(folder, log, Date.now());
  }

  start(): void {
    if (this.#follower !== null) return;
    let files: readonly KnownFile[] | null = null;
    if (this.#position !== null) {
      const saved = readPosition(JSON.parse(JSON.stringify(this.#position)));
      if (saved.damage !== null) throw new Error(`position damaged: ${saved.damage}`);
      files = saved.files;
    }
    const record = (message: string) => this.logged.push(message);
    this.#follower = new Follower({
      path: this.log.path,
      from: 'start',
      files,
      foreign: false,
      log: { info: record, warn: record, error: record },
    });
  }

  stop(): void {
    this.#follower?.close();
    this.#follower = null;
    this.log.noneOpen();
  }

  #commit(chunk: Chunk, recording: boolean): void {
    for (const line of Buffer.from(chunk.bytes).toString('latin1').split('\n').slice(0, -1)) {
      this.log.committed.add(bare(line));
      const number = Number(/ for u(\d+)\D.* ssh2/.exec(line)?.[1]);
      if (number > 0 && !this.log.torn.has(number)) this.#order.push(number);
    }
    this.gaps.push(...chunk.gaps);
    this.#position = chunk.position;
    if (!recording) return;
    // The content of an inode that was overwritten may still be known beside the new one: the newest counts.
    const { files } = readPosition(chunk.position);
    for (const file of new Map(files.map((one) => [one.id, one])).values()) this.log.recordPosition(file);
  }

  /**
   * Takes up to `count` chunks; returns true once there is none. `lost`: the last one is not committed. `interrupted`: files change
   * meanwhile. `quick`: by the looks between two thorough ones.
   */
  async take(count: number, { lost = false, interrupted = false, quick = false } = {}): Promise<boolean> {
    const follower = this.#follower;
    if (follower === null) return false;
    for (let i = 0; i < count; i += 1) {
      const chunk = await this.#step(follower, !quick);
      if (chunk === null) return !follower.stale;
      if (!lost || i < count - 1) this.#commit(chunk, !interrupted);
    }
    return false;
  }

  async #step(follower: Follower, thorough: boolean): Promise<Chunk | null> {
    try {
      await follower.look(this.log.nowMs, thorough);
    } catch (error) {
      // The file was renamed or deleted during the look: the next look finds it.
      if (!(error instanceof Error && 'code' in error && /ENOENT|ELOGREPLACED/.test(String(error.code)))) throw error;
    }
    return follower.take(this.log.nowMs);
  }

  async drain(): Promise<void> {
    if (this.#follower === null) return;
    for (let i = 0; ; i += 1) {
      if (await this.take(READS_LIMIT)) break;
      if (i > 20) throw new Error('the follower did not reach the end of the log');
    }
    this.log.atEnd();
  }

  /** Takes while the steps of actions run between its calls. Of each action: the number of its name, and one for the action itself. */
  async #interrupted({ actions, a, b, quick, copies }: Interrupted): Promise<void> {
    if (this.#follower === null) return;
    const { log } = this;
    const names = (this.#isOrdered ? ORDERED_ACTIONS : ACTIONS).filter(
      (action) => STEPS[action] !== undefined && (copies || !COPIES.some((copy) => copy === action)),
    );
    const steps = (function* () {
      for (const [name, more] of actions) yield* STEPS[names[name % names.length] as string]?.(log, b >> 4, more) ?? [];
    })();
    let wait = b % 23;
    const stride = a % 5;
    let over = false;
    preempt(() => {
      if (over || wait-- > 0) return;
      wait = stride;
      over = steps.next().done === true;
    });
    try {
      await this.take(1 + (a % 4), { interrupted: true, quick });
    } finally {
      preempt(null);
    }
    for (const _ of steps) void 0;
    // Else a crash may come at once.
    if (a % 3 > 0) await this.drain();
  }

  /** Takes while no file but the log itself can be opened. */
  async #refused(a: number, b: number): Promise<void> {
    const inodeOf = (path: string): number | undefined => plainFs.statSync(path, { throwIfNoEntry: false })?.ino;
    refuse((path) => inodeOf(path) !== inodeOf(this.log.path));
    try {
      await this.take(1 + (a % 4), { quick: b % 2 === 0 });
    } finally {
      refuse(null);
    }
    // Else a crash may come at once.
    if (a % 3 > 0) await this.drain();
  }

  async action({ name, a, b }: Action): Promise<void> {
    const { log } = this;
    log.nowMs += 10 + (a % 7);
    this.#isReplaced ||= name === 'look-replaced' || COPIES.some((copy) => copy === name);
    switch (name) {
      case 'look':
        return this.drain();
      case 'take':
        await this.take(1);
        return;
      case 'crash':
        if (this.#follower !== null) await this.take(1 + (a % 3), { lost: true });
        return this.stop();
      case 'stop':
        return this.stop();
      case 'start':
        return this.start();
      case 'quiet':
        // No writer ends a line seconds later in a file that was rotated away.
        if (!log.attached) for (const _ of log.finishLine()) void 0;
        log.nowMs += QUIET_MS + 1_000;
        await this.drain();
        return log.released();
      case 'look-interrupted':
        return this.#interrupted({ actions: [[a, a >> 4]], a, b, quick: false, copies: false });
      case 'look-refused':
        return this.#isReplaced ? this.drain() : this.#refused(a, b);
      case 'look-interrupted-often':
      case 'look-replaced': {
        const actions: [number, number][] = [];
        for (let i = 0, mixed = a * 1_000 + b; i < 2 + (a % 4); i += 1, mixed = (mixed * 7_919 + 104_729) % 1_000_003)
          actions.push([mixed, mixed >> 4]);
        return this.#interrupted({ actions, a, b, quick: b % 2 === 0, copies: name === 'look-replaced' });
      }
      default:
        for (const _ of STEPS[name]?.(log, a, b) ?? []) void 0;
    }
  }

  async finish(): Promise<void> {
    const { log } = this;
    for (const _ of log.finishLine()) void 0;
    for (const _ of log.create()) void 0;
    for (const _ of log.write(1, 1)) void 0;
    this.start();
    for (let i = 0; i < 3; i += 1) {
      await this.drain();
      log.nowMs += QUIET_MS + 1_000;
    }
    this.#follower?.close();
  }

  /** Returns what went wrong, or null. */
  verdict(): string | null {
    const { log } = this;
    const expected = log.expected();
    const missing: string[] = [];
    const extra: string[] = [];
    for (const text of new Set([...expected.counts.keys(), ...log.committed.counts.keys()])) {
      // An empty line is no evidence: a file that has nothing else is not recognised.
      if (text === '') continue;
      const difference = log.committed.of(text) - expected.of(text);
      for (let i = difference; i > 0; i -= 1) extra.push(text);
      for (let i = difference; i < 0; i += 1) missing.push(text);
    }
    const mayBeMissing = new LineCounts();
    for (const [line, n] of log.mayBeMissing.counts) mayBeMissing.add(bare(line), n);
    const mustBeReported = new Set([...log.mustBeReported.counts.keys()].map(bare));
    const unexcused = missing.filter((text) => {
      mayBeMissing.add(text, -1);
      return mayBeMissing.of(text) < 0;
    });
    // Of a line that was lost before it was read to its end, the part that was read is emitted.
    const doubled = extra.filter(
      (text) => !missing.some((line) => line.startsWith(text.replace(/ \[line cut here.*/, ''))),
    );
    const reports = this.gaps.length + this.logged.filter((message) => message.includes('was truncated')).length;
    const problems = [
      ...unexcused.map((text) => `lost: ${brief(text)}`),
      ...doubled.map((text) => `too often: ${brief(text)}`),
    ];
    if (reports === 0)
      problems.push(
        ...missing.filter((text) => mustBeReported.has(text)).map((text) => `lost and not reported: ${brief(text)}`),
      );
    if (this.gaps.length > 0 && !log.mayGap) problems.push(`a gap that is none: ${this.gaps[0]?.text}`);
    const early = this.#isOrdered ? this.#order.findIndex((number, i) => number < (this.#order[i - 1] ?? 0)) : -1;
    if (early >= 0) problems.push(`line ${this.#order[early]} comes behind line ${this.#order[early - 1]}`);
    if (problems.length === 0) return null;
    const more = problems.length > 8 ? [`and ${problems.length - 8} more`] : [];
    return [
      ...problems.slice(0, 8),
      ...more,
      ...this.logged.map((text) => `logged: ${text}`),
      `files: ${log.listing}`,
    ].join('\n');
  }
}

/** The actions that are done in steps. */
const STEPS: Record<string, ((log: LogSimulation, a: number, b: number) => Generator<void>) | undefined> = {
  write: (log, a, b) => log.write(1 + (a % 4), b),
  partial: (log, a) => log.writePartial(a),
  finish: (log) => log.finishLine(),
  rename: (log) => log.rename(true),
  move: (log) => log.rename(false),
  create: (log) => log.create(),
  copy: (log) => log.copyTruncate(0),
  'leaky-copy': (log, a) => log.copyTruncate(1 + (a % 3)),
  compress: (log, a, b) => log.compress(a, b),
  remove: (log, a) => log.remove(a),
  'copy-over': (log, a, b) => log.replaceByCopy(a % 4, b, false),
  'copy-over-detached': (log, a, b) => log.replaceByCopy(a % 4, b, true),
  rewrite: (log, a, b) => log.rewriteInPlace(a % 4, b),
  'rewrite-renamed': (log, a, b) => log.rewriteRenamed(a % 4, b, a % 2 === 0),
  'remove-log': (log, a) => log.removeLog(a % 2 === 0),
  replace: (log) => log.replace(),
};

function brief(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 97)}...` : text);
}

/** Runs a sequence in a folder of its own below `place`; returns what went wrong, or null. */
export async function run(sequence: Sequence, place: string): Promise<string | null> {
  const run = new Run(mkdtempSync(join(place, 'log-')), sequence);
  try {
    // The promise begins when an agent has looked at the log's path for the first time, whether a log is there or not.
    run.start();
    await run.drain();
    for (const action of sequence.actions) await run.action(action);
    await run.finish();
    return run.verdict();
  } catch (error) {
    return `threw ${error instanceof Error ? error.stack : error}`;
  } finally {
    run.stop();
    run.log.close();
  }
}

/** Shrinks a failing sequence: omits one part after another as long as it still fails. */
export async function shrunk(sequence: Sequence, place: string): Promise<Sequence> {
  let actions = sequence.actions;
  for (let stretch = Math.ceil(actions.length / 2); stretch > 0; stretch = stretch === 1 ? 0 : Math.ceil(stretch / 2)) {
    for (let at = 0; at < actions.length; ) {
      const fewer = [...actions.slice(0, at), ...actions.slice(at + stretch)];
      if ((await run({ ...sequence, actions: fewer }, place)) === null) at += stretch;
      else actions = fewer;
    }
  }
  return { ...sequence, actions };
}
