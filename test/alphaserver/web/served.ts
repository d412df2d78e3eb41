/** A real server within the test's process, and a real socket that tells it of events. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_SETTINGS } from '../../../alphaserver/alert-config/settings.ts';
import { readServerConfig } from '../../../alphaserver/config.ts';
import { type Serving, serve } from '../../../alphaserver/server.ts';
import { createLogger } from '../../../service/logger.ts';
import { until } from '../../until.ts';

export const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';

/** An event as it goes over the wire, without type and seq. */
export type SentEvent = Readonly<Record<string, unknown>>;

/** Starts with `open`, ends with `close`. */
export class Served {
  readonly folder = mkdtempSync(join(tmpdir(), 'asgard-web-'));
  /** The errors it logged, a line each; more of LOG_LEVEL, where that is given. */
  output = '';
  #serving: Serving | null = null;
  #seq = 0;

  async open(more: Record<string, string> = {}): Promise<void> {
    const config = readServerConfig({
      ALPHASERVER_LISTEN: 'tcp://127.0.0.1:0',
      ALPHASERVER_HTTP: 'http://127.0.0.1:0',
      ALPHASERVER_DATA: join(this.folder, 'store'),
      ALPHASERVER_ANONYMOUS: 'true',
      LOG_LEVEL: 'error',
      ...more,
    });
    const to = { write: (text: string) => (this.output += text) };
    const log = createLogger({ level: config.logLevel, format: 'plain', to });
    this.#serving = await serve(config, log, DEFAULT_SETTINGS);
  }

  get page(): string {
    return this.#serving?.page ?? '';
  }

  /** The port that agents connect to. */
  get port(): number {
    return this.#serving?.port ?? 0;
  }

  /** Connects as the agent of this host; its connection stays open. */
  connected(host = 'web'): Socket {
    const socket = connect(this.port, '127.0.0.1').resume();
    socket.write(`${JSON.stringify({ type: 'hello', version: 1, agent: AGENT, host })}\n`);
    return socket;
  }

  /** Stores events; resolves when the last is acknowledged. */
  async store(events: readonly SentEvent[], host = 'web'): Promise<void> {
    const socket = this.connected(host);
    let received = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      received += text;
    });
    for (const event of events) {
      this.#seq += 1;
      socket.write(`${JSON.stringify({ type: 'event', seq: this.#seq, ...event })}\n`);
    }
    await until(
      () => received.includes(`{"type":"ack","seq":${this.#seq}}`),
      () => received,
    );
    socket.destroy();
  }

  /** Asks; resolves with the JSON answer, whatever its status. */
  async ask<T = Record<string, unknown>>(
    path: string,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: T }> {
    const response = await fetch(`${this.page}${path}`, { headers });
    return { status: response.status, body: (await response.json()) as T };
  }

  /** Lets it read its files again, as on SIGHUP. */
  reload(): void {
    this.#serving?.reload(() => DEFAULT_SETTINGS);
  }

  /** Stops the server and starts it again on the same folder, at another address. */
  async reopen(more: Record<string, string> = {}): Promise<void> {
    await this.#serving?.stop();
    await this.open(more);
  }

  async close(): Promise<void> {
    await this.#serving?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
