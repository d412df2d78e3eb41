/** Tells people: a line of messages for each channel, none of which waits for another. */
import type { Logger } from '../../service/logger.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import { Notices } from '../alerting/notification-queue.ts';
import type { Database } from '../alerting/schema.ts';
import { type ChannelStatus, Line } from './channel-sender.ts';
import type { Deliver } from './deliver.ts';
import { Messages } from './pending-messages.ts';

/** What all channels share. */
export interface NotifierOptions {
  /** The store's file, on the connection that writes the notices. */
  readonly db: Database;
  readonly transaction: <T>(work: () => T) => T;
  readonly settings: AlertSettings;
  /** Delivers under these settings. */
  readonly delivererFor: (settings: AlertSettings) => Deliver;
  readonly log: Logger;
  readonly now: () => number;
  readonly chance: () => number;
}

/** Keeps one line at work for each channel of the settings. */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #notices: Notices;
  readonly #messages: Messages;
  #lines = new Map<string, Line>();

  /** Begins at once with what an earlier process left. */
  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#notices = new Notices(options.db);
    this.#messages = new Messages(options.db);
    this.#begin(options.settings);
  }

  /** Notices were written. */
  wake(): void {
    for (const line of this.#lines.values()) line.wake();
  }

  /** Goes on under other settings. What waits for a channel that is there no more is let go, and said. */
  async use(settings: AlertSettings): Promise<void> {
    await this.close();
    this.#begin(settings);
  }

  /** Every channel there is, in the order of the settings. */
  status(): ChannelStatus[] {
    return [...this.#lines.values()].map((line) => line.status());
  }

  /** Breaks off what is on its way: it is tried again at the next start. */
  async close(): Promise<void> {
    await Promise.all([...this.#lines.values()].map((line) => line.close()));
  }

  #begin(settings: AlertSettings): void {
    const { db: _, delivererFor, ...rest } = this.#options;
    const deliver = delivererFor(settings);
    this.#forget(settings);
    this.#lines = new Map(
      Object.entries(settings.channels).map(([name, channel]) => [
        name,
        new Line({ ...rest, name, channel, settings, deliver, notices: this.#notices, messages: this.#messages }),
      ]),
    );
    this.wake();
  }

  #forget(settings: AlertSettings): void {
    const { transaction, log } = this.#options;
    const gone = new Set([...this.#notices.channels(), ...this.#messages.channels()]);
    for (const name of Object.keys(settings.channels)) gone.delete(name);
    for (const name of gone) {
      const waiting = this.#notices.waiting(name) + this.#messages.waiting(name);
      transaction(() => {
        this.#notices.forget(name);
        this.#messages.forget(name);
      });
      log.warn(`Channel ${name} is there no more: ${waiting} that waited for it are let go`);
    }
  }
}
