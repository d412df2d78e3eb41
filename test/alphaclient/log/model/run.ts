/** Runs one sequence of what can happen to a log against a follower, and says what came out wrong. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { Follower, QUIET_MS } from '../../../../alphaclient/log/follower.ts';
import { type KnownFile, readPosition } from '../../../../alphaclient/log/position.ts';
import type { Chunk, LogPosition } from '../../../../alphaclient/log/source.ts';
import { preempt } from './preemption.ts';
import { bare, Tally, World, type WorldOptions } from './world.ts';

/** One thing that happens. What the numbers mean is the thing's own affair. */
export interface Act {
  readonly does: (typeof DEEDS)[number];
  readonly a: number;
  readonly b: number;
}

export interface Sequence {
  readonly world: WorldOptions;
  readonly acts: readonly Act[];
}

/** What happens, as often as it stands here. */
export const DEEDS = [
  'write',
  ...['write', 'write', 'half', 'half', 'finish'],
  ...['rename', 'rename', 'move', 'create', 'copy', 'copy', 'leaky-copy', 'pack', 'pack'],
  ...['remove', 'remove-log', 'replace'],
  ...[
    'look',
    'look',
    'look',
    'take',
    'torn-look',
    'torn-look',
    'torn-hour',
    'torn-hour',
    'stop',
    'crash',
    'start',
    'start',
    'quiet',
  ],
] as const;

interface Torn {
  readonly deeds: readonly (readonly [number, number])[];
  readonly a: number;
  readonly b: number;
  readonly quick: boolean;
}

const READS_LIMIT = 1_000;

class Run {
  readonly world: World;
  readonly said: string[] = [];
  readonly gaps: Chunk['gaps'][number][] = [];
  #follower: Follower | null = null;
  #position: LogPosition | null = null;

  constructor(folder: string, options: WorldOptions) {
    this.world = new World(folder, options, Date.now());
  }

  start(): void {
    if (this.#follower !== null) return;
    let files: readonly KnownFile[] | null = null;
    if (this.#position !== null) {
      const saved = readPosition(JSON.parse(JSON.stringify(this.#position)));
      if (saved.damage !== null) throw new Error(`position damaged: ${saved.damage}`);
      files = saved.files;
    }
    const say = (message: string) => this.said.push(message);
    this.#follower = new Follower({
      path: this.world.path,
      from: 'start',
      files,
      foreign: false,
      log: { info: say, warn: say, error: say },
    });
  }

  stop(): void {
    this.#follower?.close();
    this.#follower = null;
    this.world.unheld();
  }

  #keep(chunk: Chunk, noting: boolean): void {
    for (const line of Buffer.from(chunk.bytes).toString('latin1').split('\n').slice(0, -1))
      this.world.committed.add(bare(line));
    this.gaps.push(...chunk.gaps);
    this.#position = chunk.position;
    if (noting) for (const file of readPosition(chunk.position).files) this.world.noted(file);
  }

  /**
   * Takes up to `count` chunks; the last is not kept where `lost` says so. True once there is none. `torn`: while the
   * files move. `quick`: by the looks between two thorough ones.
   */
  async take(count: number, { lost = false, torn = false, quick = false } = {}): Promise<boolean> {
    const follower = this.#follower;
    if (follower === null) return false;
    for (let i = 0; i < count; i += 1) {
      const chunk = await this.#step(follower, !quick);
      if (chunk === null) return !follower.stale;
      if (!lost || i < count - 1) this.#keep(chunk, !torn);
    }
    return false;
  }

  async #step(follower: Follower, thorough: boolean): Promise<Chunk | null> {
    try {
      await follower.look(this.world.nowMs, thorough);
    } catch (error) {
      // Renamed or deleted while it was looked at: the next look finds it.
      if (!(error instanceof Error && 'code' in error && /ENOENT|ELOGREPLACED/.test(String(error.code)))) throw error;
    }
    return follower.take(this.world.nowMs);
  }

  async drain(): Promise<void> {
    if (this.#follower === null) return;
    for (let i = 0; ; i += 1) {
      if (await this.take(READS_LIMIT)) break;
      if (i > 20) throw new Error('never at the end of the log');
    }
    this.world.seen();
  }

  /** Takes while deeds go on between its calls, one step before a call; `deeds` are a number of `STEPS` and one for the deed. */
  async #torn({ deeds, a, b, quick }: Torn): Promise<void> {
    if (this.#follower === null) return;
    const { world } = this;
    const names = DEEDS.filter((deed) => STEPS[deed] !== undefined);
    const steps = (function* () {
      for (const [name, more] of deeds) yield* STEPS[names[name % names.length] as string]?.(world, b >> 4, more) ?? [];
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
      await this.take(1 + (a % 4), { torn: true, quick });
    } finally {
      preempt(null);
    }
    for (const _ of steps) void 0;
    // A crash may come at once, too.
    if (a % 3 > 0) await this.drain();
  }

  async act({ does, a, b }: Act): Promise<void> {
    const { world } = this;
    world.nowMs += 10 + (a % 7);
    switch (does) {
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
        // Nobody ends a line seconds later in a file that was rotated away.
        if (!world.attached) for (const _ of world.finishLine()) void 0;
        world.nowMs += QUIET_MS + 1_000;
        await this.drain();
        return world.released();
      case 'torn-look':
        return this.#torn({ deeds: [[a, a >> 4]], a, b, quick: false });
      case 'torn-hour': {
        const deeds: [number, number][] = [];
        for (let i = 0, mixed = a * 1_000 + b; i < 2 + (a % 4); i += 1, mixed = (mixed * 7_919 + 104_729) % 1_000_003)
          deeds.push([mixed, mixed >> 4]);
        return this.#torn({ deeds, a, b, quick: b % 2 === 0 });
      }
      default:
        for (const _ of STEPS[does]?.(world, a, b) ?? []) void 0;
    }
  }

  async finish(): Promise<void> {
    const { world } = this;
    for (const _ of world.finishLine()) void 0;
    for (const _ of world.create()) void 0;
    for (const _ of world.write(1, 1)) void 0;
    this.start();
    for (let i = 0; i < 3; i += 1) {
      await this.drain();
      world.nowMs += QUIET_MS + 1_000;
    }
    this.#follower?.close();
  }

  /** What is wrong; null where all is well. */
  verdict(): string | null {
    const { world } = this;
    const expected = world.expected();
    const missing: string[] = [];
    const extra: string[] = [];
    for (const text of new Set([...expected.counts.keys(), ...world.committed.counts.keys()])) {
      // An empty line says nothing; in a file of its own nothing is known by it.
      if (text === '') continue;
      const difference = world.committed.of(text) - expected.of(text);
      for (let i = difference; i > 0; i -= 1) extra.push(text);
      for (let i = difference; i < 0; i += 1) missing.push(text);
    }
    const excused = new Tally();
    for (const [line, n] of world.excused.counts) excused.add(bare(line), n);
    const owed = new Set([...world.owed.counts.keys()].map(bare));
    const unexcused = missing.filter((text) => {
      excused.add(text, -1);
      return excused.of(text) < 0;
    });
    // Of a line that went before it was read to its end, the half that was read comes out.
    const doubled = extra.filter(
      (text) => !missing.some((line) => line.startsWith(text.replace(/ \[line cut here.*/, ''))),
    );
    const told = this.gaps.length + this.said.filter((message) => message.includes('was truncated')).length;
    const problems = [
      ...unexcused.map((text) => `lost: ${brief(text)}`),
      ...doubled.map((text) => `too often: ${brief(text)}`),
    ];
    if (told === 0)
      problems.push(...missing.filter((text) => owed.has(text)).map((text) => `lost untold: ${brief(text)}`));
    if (this.gaps.length > 0 && !world.mayGap) problems.push(`a gap that is none: ${this.gaps[0]?.text}`);
    if (problems.length === 0) return null;
    const more = problems.length > 8 ? [`and ${problems.length - 8} more`] : [];
    return [
      ...problems.slice(0, 8),
      ...more,
      ...this.said.map((text) => `said: ${text}`),
      `files: ${world.listing}`,
    ].join('\n');
  }
}

/** The things that have steps. */
const STEPS: Record<string, ((world: World, a: number, b: number) => Generator<void>) | undefined> = {
  write: (world, a, b) => world.write(1 + (a % 4), b),
  half: (world, a) => world.writeHalf(a),
  finish: (world) => world.finishLine(),
  rename: (world) => world.rename(true),
  move: (world) => world.rename(false),
  create: (world) => world.create(),
  copy: (world) => world.copyTruncate(0),
  'leaky-copy': (world, a) => world.copyTruncate(1 + (a % 3)),
  pack: (world, a, b) => world.pack(a, b),
  remove: (world, a) => world.remove(a),
  'remove-log': (world, a) => world.removeLog(a % 2 === 0),
  replace: (world) => world.replace(),
};

function brief(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 97)}...` : text);
}

/** Runs a sequence in a folder of its own below `place`; null where all came out right. */
export async function run({ world, acts }: Sequence, place: string): Promise<string | null> {
  const run = new Run(mkdtempSync(join(place, 'log-')), world);
  try {
    // Promised is what comes after an agent has begun with a log, be there one or not.
    run.start();
    await run.drain();
    for (const act of acts) await run.act(act);
    await run.finish();
    return run.verdict();
  } catch (error) {
    return `threw ${error instanceof Error ? error.stack : error}`;
  } finally {
    run.stop();
    run.world.close();
  }
}

/** The shortest sequence found that still fails, by leaving out one stretch after another. */
export async function shrunk(sequence: Sequence, place: string): Promise<Sequence> {
  let acts = sequence.acts;
  for (let stretch = Math.ceil(acts.length / 2); stretch > 0; stretch = stretch === 1 ? 0 : Math.ceil(stretch / 2)) {
    for (let at = 0; at < acts.length; ) {
      const fewer = [...acts.slice(0, at), ...acts.slice(at + stretch)];
      if ((await run({ ...sequence, acts: fewer }, place)) === null) at += stretch;
      else acts = fewer;
    }
  }
  return { ...sequence, acts };
}
