/** The demo: a simulated fleet's logs, real agents that read them, a real server. All of it lives in one temporary folder. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { until } from '../until.ts';
import { CROWD_LOG, crowd } from './crowd.ts';
import { LOGS, type Log, SILENT_HOST } from './fleet.ts';
import type { LoggedConnection, TrueEvent } from './logged-connection.ts';
import { Program } from './program.ts';
import { goingOn, week } from './week.ts';
import { LogWriter } from './writer.ts';

/** Limit of the start of the server and the agents, and of reading the week, on a slow machine. */
const BEGIN_LIMIT_MS = 60_000;
const PAST_LIMIT_MS = 120_000;

export interface DemoOptions {
  readonly seed: number;
  readonly scale?: number;
  /** True: five hundred more hosts, with a thousand incidents. */
  readonly large?: boolean;
  /** The page's port where it is free. */
  readonly port?: number;
  /** False: nothing happens but what `write` is given. */
  readonly live?: boolean;
  readonly say?: (line: string) => void;
}

/** A running demo. Stop it: it leaves nothing behind. */
export class Demo {
  readonly page: string;
  /** Address at which agents connect. */
  readonly port: number;
  /** The events of the simulated week. */
  readonly truth: readonly TrueEvent[];
  readonly #folder: string;
  readonly #server: Program;
  readonly #agents: ReadonlyMap<string, Program>;
  readonly #writer: LogWriter;

  private constructor(
    parts: { page: string; port: number; truth: readonly TrueEvent[]; folder: string; server: Program },
    agents: ReadonlyMap<string, Program>,
    writer: LogWriter,
  ) {
    ({ page: this.page, port: this.port, truth: this.truth, folder: this.#folder, server: this.#server } = parts);
    this.#agents = agents;
    this.#writer = writer;
  }

  /** Starts all of it; resolves when the page is there. The week may still be on its way: `past` waits for it. */
  static async start(options: DemoOptions): Promise<Demo> {
    const { seed, scale = 1, large = false, port: wanted = 0, live = true, say = () => {} } = options;
    const logs = large ? [...LOGS, CROWD_LOG] : LOGS;
    const folder = mkdtempSync(join(tmpdir(), 'asgard-demo-'));
    const programs: Program[] = [];
    try {
      const nowMs = Date.now();
      const connections = [...week({ seed, nowMs, scale }), ...(large ? crowd(seed, nowMs) : [])];
      const truth = connections.flatMap(({ events }) => events);
      say(
        `Simulated a week of ${logs.flatMap(({ hosts }) => hosts).length} hosts: ${truth.length} attempts and probes`,
      );
      const writer = new LogWriter(join(folder, 'logs'), logs);
      writer.past(connections);
      const port = await freePort();
      const server = new Program(
        'alphaserver',
        {
          ALPHASERVER_LISTEN: `tcp://127.0.0.1:${port}`,
          ALPHASERVER_HTTP: `http://127.0.0.1:${await freePort(wanted)}`,
          ALPHASERVER_DATA: join(folder, 'server'),
          ALPHASERVER_ANONYMOUS: 'true',
        },
        folder,
      );
      programs.push(server);
      await until(
        () => {
          server.check();
          return server.page !== null;
        },
        () => 'the server has a page',
        BEGIN_LIMIT_MS,
      );
      const agents = new Map(logs.map((log) => [log.name, agentOf(log, writer, port, folder)]));
      programs.push(...agents.values());
      if (live) writer.goOn(goingOn(seed + 1, nowMs), Date.now);
      return new Demo({ page: server.page as string, port, truth, folder, server }, agents, writer);
    } catch (error) {
      for (const program of programs) await program.stop();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Waits until the whole week is stored, then stops the agent that falls silent. */
  async past(): Promise<void> {
    const meant = new Map<string, number>();
    for (const { host } of this.truth) meant.set(host, (meant.get(host) ?? 0) + 1);
    await until(
      async () => {
        for (const program of [this.#server, ...this.#agents.values()]) program.check();
        const { hosts } = (await (await fetch(`${this.page}/api/hosts?limit=1000`)).json()) as {
          hosts: { host: string; attempts: number; probes: number }[];
        };
        const stored = new Map(hosts.map(({ host, attempts, probes }) => [host, attempts + probes]));
        return [...meant].every(([host, events]) => (stored.get(host) ?? 0) >= events);
      },
      () => 'the week is stored',
      PAST_LIMIT_MS,
    );
    await this.#agents.get(SILENT_HOST)?.stop();
  }

  /** Lets a connection happen now. */
  write(connection: LoggedConnection): void {
    this.#writer.write(connection);
  }

  /** Ends every program and removes the folder. */
  async stop(): Promise<void> {
    this.#writer.stop();
    await Promise.all([...this.#agents.values()].map((agent) => agent.stop()));
    await this.#server.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function agentOf(log: Log, writer: LogWriter, port: number, folder: string): Program {
  const state = join(folder, `agent-${log.name}`);
  mkdirSync(state);
  return new Program(
    'alphaclient',
    {
      ALPHACLIENT_SERVER: `tcp://127.0.0.1:${port}`,
      ALPHACLIENT_LOG: writer.path(log),
      ALPHACLIENT_NAME: log.name,
      ALPHACLIENT_STATE: state,
    },
    folder,
  );
}
