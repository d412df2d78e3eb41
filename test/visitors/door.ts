/** A door: an sshd, and the agent that follows its log and looks at its connections. */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { readConnections } from '../../alphaclient/kernel/connections.ts';
import { Sshd, type SshdOptions } from '../e2e/sshd.ts';
import type { Pair, Program } from '../programs.ts';

/** sshd's LoginGraceTime: short, so that a connection without a login is soon older than it and a minute; long enough for a login on a busy machine. */
export const GRACE_SECONDS = 20;
const SETTINGS = [
  `LoginGraceTime ${GRACE_SECONDS}`,
  'MaxStartups 10:30:20',
  'MaxSessions 20',
  'LogLevel INFO',
  'PasswordAuthentication yes',
];

/** A session as the API gives it. */
export interface Session {
  readonly host: string;
  readonly port: number | null;
  readonly how: string | null;
  readonly confirmedAt: string | null;
}

/** One sshd with its agent. */
export class Door {
  readonly name: string;
  readonly sshd: Sshd;
  readonly #pair: Pair;
  readonly #isRenamable: boolean;
  agent: Program | null = null;
  #renamed = 0;

  private constructor(name: string, sshd: Sshd, pair: Pair, isRenamable: boolean) {
    this.name = name;
    this.sshd = sshd;
    this.#pair = pair;
    this.#isRenamable = isRenamable;
  }

  /** Opens one. Its agent learns sshd's port from the log and from logins, as far as they say. */
  static async open(name: string, pair: Pair, options: SshdOptions): Promise<Door> {
    const door = new Door(name, await Sshd.start(SETTINGS, options), pair, options.form === 'container');
    door.startAgent();
    return door;
  }

  startAgent(): void {
    if (this.agent !== null) return;
    const agent = this.#pair.agent({
      ALPHACLIENT_NAME: this.name,
      ALPHACLIENT_STATE: join(this.#pair.folder, `agent-${this.name}`),
      ALPHACLIENT_LOG: this.sshd.logFile,
      ALPHACLIENT_LOGIN_GRACE: String(GRACE_SECONDS),
      LOG_LEVEL: 'warn',
    });
    this.agent = agent;
    void agent.ended.then(() => {
      if (this.agent === agent) this.agent = null;
    });
  }

  /** Renames the log, where its writer opens it anew for each line; false where it does not. */
  renameLog(): boolean {
    if (!this.#isRenamable) return false;
    this.#renamed += 1;
    renameSync(this.sshd.logFile, `${this.sshd.logFile}.${this.#renamed}`);
    return true;
  }

  /** The ports of the clients that the kernel has connections with, in ascending order. */
  async connected(): Promise<number[]> {
    const connections = (await readConnections())?.connections ?? [];
    return connections
      .filter(({ localPort, isEstablished }) => isEstablished && localPort === this.sshd.port)
      .map(({ port }) => port)
      .sort((a, b) => a - b);
  }

  /** The ports of the clients whose sessions are open on the server, in ascending order; `isConfirmed`: those alone that the kernel has confirmed. */
  async open(isConfirmed = false): Promise<number[]> {
    const path = `/api/sessions?open=true&limit=1000&host=${this.name}`;
    const { sessions } = await this.#pair.api<{ sessions: Session[] }>(path);
    return sessions
      .filter(({ confirmedAt }) => !isConfirmed || confirmedAt !== null)
      .map(({ port }) => port ?? 0)
      .sort((a, b) => a - b);
  }
}
