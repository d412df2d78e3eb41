import { Wire } from '../chaos/wire.ts';
import { Pair, type Program } from '../programs.ts';
import type { Peer } from './peer.ts';

/** This project's two programs, with their defaults. */
export class Asgard implements Peer {
  readonly name = 'Asgard';
  readonly #pair: Pair;
  readonly #wire: Wire;
  #receiver: Program;
  #sender: Program | null = null;

  private constructor(pair: Pair, wire: Wire) {
    this.#pair = pair;
    this.#wire = wire;
    this.#receiver = pair.server();
  }

  static async make(): Promise<Asgard> {
    const pair = await Pair.make();
    const wire = new Wire(pair.port);
    await wire.open();
    return new Asgard(pair, wire);
  }

  get logFile(): string {
    return this.#pair.logFile;
  }

  async startReceiver(): Promise<void> {
    if (this.#receiver.child.exitCode !== null || this.#receiver.child.signalCode !== null)
      this.#receiver = this.#pair.server();
  }

  async killReceiver(): Promise<void> {
    await this.#receiver.end('SIGKILL');
  }

  async startSender(): Promise<void> {
    this.#sender = this.#pair.agent({ ALPHACLIENT_SERVER: `tcp://127.0.0.1:${this.#wire.port}` });
  }

  async killSender(): Promise<void> {
    await this.#sender?.end('SIGKILL');
  }

  cut(): void {
    this.#wire.cut(false);
  }

  async arrived(): Promise<string[]> {
    return (await this.#pair.events().catch(() => [])).map(({ user }) => user);
  }

  async close(): Promise<void> {
    this.#wire.close();
    await this.#pair.close();
  }
}
