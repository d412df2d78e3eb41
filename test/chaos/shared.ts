/** A second server, and a PostgreSQL with a synchronous standby that both servers share, each behind a wire that can be broken. */
import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Postgres } from '../postgres.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { Disk } from './disk.ts';
import { Wire } from './wire.ts';

/** The name of each standby. */
const STANDBY = 'standby';
/** Two servers that are stalled or started anew on a busy machine find the new primary within this time. */
const FOUND_LIMIT_MS = 120_000;

/** One PostgreSQL and the wire between it and both servers. */
interface Node {
  readonly postgres: Postgres;
  readonly wire: Wire;
  /** The disk of its write-ahead log, from the first time that it was full. */
  disk: Disk | null;
}

/** The second server, the log, and the wires to them. */
export class Shared {
  readonly pair: Pair;
  /** Between the agent and the second server. */
  readonly wire: Wire;
  /** The primary, and the standby that each commit waits for. */
  #nodes: [Node, Node];
  #timeline = 1;

  private constructor(pair: Pair, nodes: [Node, Node]) {
    this.pair = pair;
    this.wire = new Wire(pair.port);
    this.#nodes = nodes;
  }

  static async start(): Promise<Shared> {
    const primary = await Postgres.start();
    const standby = await primary.standby(STANDBY);
    const [one, two] = [primary, standby].map((postgres) => ({ postgres, wire: new Wire(postgres.port), disk: null }));
    const shared = new Shared(await Pair.make(), [one as Node, two as Node]);
    await Promise.all([shared.wire.open(), ...shared.logWires.map((wire) => wire.open())]);
    await shared.#waitForStandby();
    return shared;
  }

  /** The primary. */
  get postgres(): Postgres {
    return this.#nodes[0].postgres;
  }

  /** Between both servers and each PostgreSQL. */
  get logWires(): readonly Wire[] {
    return this.#nodes.map(({ wire }) => wire);
  }

  /** The setting of both servers. */
  get env(): Record<string, string> {
    const [one, ...others] = [...this.logWires].sort((a, b) => a.port - b.port);
    const more = others.map(({ port }) => `,127.0.0.1:${port}`).join('');
    return { ALPHASERVER_STORE: this.postgres.url.replace(`:${this.postgres.port}`, `:${one?.port}${more}`) };
  }

  /**
   * Kills the primary and promotes the standby; then the old primary comes back and takes writes, though it waits for no standby. Once
   * servers have seen the new one, nothing may be appended to it. In the end it is made a standby. `folders`: the data folders of
   * servers that run now; `meanwhile` is done at each step.
   */
  async failOver(folders: readonly string[], meanwhile: () => Promise<void>): Promise<void> {
    const [old, promoted] = this.#nodes;
    old.postgres.stop();
    await meanwhile();
    promoted.postgres.promote();
    this.#nodes = [promoted, old];
    this.#timeline += 1;
    withoutStandby(promoted.postgres);
    await until(
      () => folders.every((folder) => seenTimeline(folder) === this.#timeline),
      () => `servers have not found the primary of timeline ${this.#timeline}`,
      FOUND_LIMIT_MS,
    );
    old.postgres.resume();
    withoutStandby(old.postgres);
    const head = (): string => old.postgres.sql('SELECT position FROM asgard.head');
    const before = head();
    await meanwhile();
    if (head() !== before) throw new Error('an old primary was written to');
    old.postgres.follow(promoted.postgres, STANDBY);
    await this.#waitForStandby();
  }

  /** Makes the disk of the primary's write-ahead log full, which ends it, and then gives it room again. `meanwhile` is done until it ends. */
  async fillWal(meanwhile: () => Promise<void>): Promise<void> {
    const [node] = this.#nodes;
    const { postgres } = node;
    const folder = join(postgres.folder, 'wal');
    node.disk ??= new Disk(folder);
    // A standby that was made anew has it on its own disk again.
    if (!lstatSync(join(postgres.data, 'pg_wal')).isSymbolicLink()) {
      execFileSync('chown', ['postgres:', folder]);
      rmSync(join(folder, 'pg_wal'), { recursive: true, force: true });
      postgres.moveWal(folder);
    }
    node.disk.fill();
    for (let isUp = true; isUp; ) {
      await meanwhile();
      try {
        postgres.sql('SELECT pg_switch_wal()');
      } catch {
        isUp = false;
      }
    }
    await meanwhile();
    node.disk.free();
    await until(
      () => postgres.revive(),
      () => 'PostgreSQL comes back once there is room',
      FOUND_LIMIT_MS,
    );
  }

  async close(): Promise<void> {
    this.wire.close();
    for (const wire of this.logWires) wire.close();
    await this.pair.close();
    for (const { postgres, disk } of this.#nodes) {
      if (postgres.isRunning) postgres.stop();
      disk?.close();
      postgres.close();
    }
  }

  /** Makes each commit wait for the standby, once that is there. */
  async #waitForStandby(): Promise<void> {
    const { postgres } = this;
    postgres.sql(`ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (${STANDBY})'`);
    postgres.sql('SELECT pg_reload_conf()');
    await until(() => postgres.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'") === '1');
  }
}

function withoutStandby(postgres: Postgres): void {
  postgres.sql('ALTER SYSTEM RESET synchronous_standby_names');
  postgres.sql('SELECT pg_reload_conf()');
}

/** The newest timeline that the server of a data folder has seen. */
function seenTimeline(folder: string): number {
  try {
    return (JSON.parse(readFileSync(join(folder, 'primary.json'), 'utf8')) as { timeline: number }).timeline;
  } catch {
    // It has not found any yet.
    return 0;
  }
}
