/** One life of a server's store and alerts in this process: opened, used, and closed or dropped as a crash drops it. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { AlertSettings } from '../../../alphaserver/alert-config/settings.ts';
import { DEFAULT_SETTINGS } from '../../../alphaserver/alert-config/settings.ts';
import { Alerting } from '../../../alphaserver/alerts.ts';
import { openStorage, type Storage } from '../../../alphaserver/storage.ts';
import type { LoginEvent } from '../../../protocol/event.ts';
import { until } from '../../until.ts';

/** An event with its agent's number. */
export interface Numbered {
  readonly seq: number;
  readonly event: LoginEvent & { readonly at: string };
}

const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';

export class Life {
  readonly store: Storage;
  readonly alerting: Alerting;
  readonly lines: string[] = [];
  readonly #folder: string;

  constructor(folder: string, settings: AlertSettings = DEFAULT_SETTINGS, delivers = true, now = Date.now) {
    this.#folder = folder;
    this.store = openStorage(folder);
    const line = (text: string): void => void this.lines.push(text);
    this.alerting = new Alerting({
      delivers,
      folder,
      store: this.store,
      ingest: { onCommit: () => {} },
      live: { alert: () => {} },
      settings,
      log: { debug: line, info: line, warn: line, error: line },
      now,
    });
  }

  /** Stores events of one agent, and waits until they are judged and written. */
  async add(events: readonly Numbered[], agent = AGENT): Promise<void> {
    await this.store.append([{ agent, host: 'web', events }], Date.now());
    await this.judged();
  }

  /** Waits until all that is stored is judged, and its incidents are written. */
  async judged(): Promise<void> {
    this.alerting.thread.stored();
    await until(
      () => this.alerting.thread.progress.position >= this.store.events.lastId,
      () => this.lines.join('\n'),
    );
  }

  /** Waits until a channel has nothing to send. */
  async delivered(channel: string): Promise<void> {
    await until(
      () => this.alerting.channels().some(({ name, waiting }) => name === channel && waiting === 0),
      () => `${channel} in ${JSON.stringify(this.alerting.channels())}\n${this.lines.join('\n')}`,
    );
  }

  /** The rows of a query on one of the store's files. */
  rows(file: string, sql: string): Record<string, unknown>[] {
    return rowsIn(join(this.#folder, file), sql);
  }

  async close(): Promise<void> {
    await this.alerting.close();
    await this.store.close();
  }
}

/** The rows of a query on a file. */
export function rowsIn(file: string, sql: string): Record<string, unknown>[] {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return db.prepare(sql).all() as Record<string, unknown>[];
  } finally {
    db.close();
  }
}
