/** Delivers notifications: one sender for each channel, none of which waits for another. */
import type { Logger } from '../../service/logger.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import type { ChannelQueues } from './channel-queue.ts';
import { ChannelSender, type ChannelStatus } from './channel-sender.ts';
import type { Send } from './send.ts';

/** Holds what all channels share. */
export interface NotifierOptions {
  readonly queues: ChannelQueues;
  readonly settings: AlertSettings;
  /** Returns the Send for these settings. */
  readonly senderFor: (settings: AlertSettings) => Send;
  readonly log: Logger;
  readonly now: () => number;
  /** A random number from 0 to 1, which spreads retries. */
  readonly chance: () => number;
  /** True while this server is the one that delivers. */
  readonly mayDeliver: () => boolean;
  /** Called when the state of a channel may have changed. */
  readonly changed: () => void;
}

/** Runs a sender for each channel of the settings. */
export class Notifier {
  readonly #options: NotifierOptions;
  #senders = new Map<string, ChannelSender>();

  /** Starts at once, with what an earlier process left in the queues. */
  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#start(options.settings);
  }

  /** Wakes every sender: something was queued. */
  wake(): void {
    for (const sender of this.#senders.values()) sender.wake();
  }

  /** Goes on under other settings. What is queued for a channel that was removed is dropped, and logged. */
  async use(settings: AlertSettings): Promise<void> {
    await this.close();
    this.#start(settings);
  }

  /** Returns the state of every channel, in the order of the settings. */
  status(): ChannelStatus[] {
    return [...this.#senders.values()].map((sender) => sender.status());
  }

  /** Aborts the deliveries that run; the next start sends those messages again. */
  async close(): Promise<void> {
    await Promise.all([...this.#senders.values()].map((sender) => sender.close()));
  }

  #start(settings: AlertSettings): void {
    const { queues, senderFor, log, now, chance, mayDeliver, changed } = this.#options;
    this.#drop(settings);
    const common = { settings, send: senderFor(settings), log, now, chance, mayDeliver, changed };
    this.#senders = new Map(
      Object.entries(settings.channels).map(([name, channel]) => [
        name,
        new ChannelSender({ ...common, name, channel, queue: queues.channel(name) }),
      ]),
    );
    this.wake();
  }

  #drop(settings: AlertSettings): void {
    const { queues, log } = this.#options;
    for (const name of queues.names()) {
      if (Object.hasOwn(settings.channels, name)) continue;
      const { pending } = queues.channel(name);
      queues.remove(name);
      log.warn(`Channel ${name} was removed: ${pending} pending notifications dropped`);
    }
  }
}
