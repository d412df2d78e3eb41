/** A second server and the PostgreSQL that both share, each behind a wire that can be broken. */
import { Postgres } from '../postgres.ts';
import { Pair } from '../programs.ts';
import { Wire } from './wire.ts';

/** The second server, the log, and the wires to them. */
export class Shared {
  readonly pair: Pair;
  /** Between the agent and the second server. */
  readonly wire: Wire;
  readonly postgres: Postgres;
  /** Between both servers and PostgreSQL. */
  readonly logWire: Wire;

  private constructor(pair: Pair, postgres: Postgres) {
    this.pair = pair;
    this.postgres = postgres;
    this.wire = new Wire(pair.port);
    this.logWire = new Wire(postgres.port);
  }

  static async start(): Promise<Shared> {
    const shared = new Shared(await Pair.make(), await Postgres.start());
    await Promise.all([shared.wire.open(), shared.logWire.open()]);
    return shared;
  }

  /** The setting of both servers. */
  get env(): Record<string, string> {
    return { ALPHASERVER_STORE: this.postgres.url.replace(`:${this.postgres.port}`, `:${this.logWire.port}`) };
  }

  async close(): Promise<void> {
    this.wire.close();
    this.logWire.close();
    await this.pair.close();
    this.postgres.close();
  }
}
