/** Delivers notifications: one sender for each channel, none of which waits for another. */
import type { Logger } from '../../service/logger.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import type { ChannelQueues } from './channel-queue.ts';
import { ChannelSender, type ChannelStatus } from './channel-sender.ts';
import { RETRY_MS } from './retry-schedule.ts';
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
  /** The settings in force, and those that were given last. */
  #settings: AlertSettings;
  #newest: AlertSettings;
  #senders = new Map<string, ChannelSender>();
  /** At most one message a channel. */
  readonly #unrecorded = new Map<string, string>();
  /** Ends with the last change of the senders that was asked for: each waits for the one before. */
  #changes: Promise<void> = Promise.resolve();
  #isClosed = false;
  #dropTimer: NodeJS.Timeout | null = null;
  #dropFails = false;

  /** Starts at once, with what an earlier process left in the queues. */
  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#newest = options.settings;
    this.#start(new Map());
  }

  /** Wakes every sender: something was queued. */
  wake(): void {
    for (const sender of this.#senders.values()) sender.wake();
  }

  /**
   * Goes on under other settings. A channel that they leave as it is goes on with its delivery; one that they change aborts it, and sends
   * that message again. What is queued for a channel that was removed is dropped, and logged.
   */
  use(settings: AlertSettings): Promise<void> {
    this.#newest = settings;
    return this.#change((sender, inForce) => sender.isFor(inForce));
  }

  /** Aborts the deliveries that run, and begins again: those messages are sent again where this server still delivers. */
  restart(): Promise<void> {
    return this.#change(() => false);
  }

  /** Returns the state of every channel, in the order of the settings. */
  status(): ChannelStatus[] {
    return [...this.#senders.values()].map((sender) => sender.status());
  }

  /** Aborts the deliveries that run; the next start sends those messages again. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#dropTimer) clearTimeout(this.#dropTimer);
    await Promise.all([...this.#senders.values()].map((sender) => sender.close()));
    await this.#changes;
  }

  /** Puts the newest settings into force, and replaces the senders that are not kept, once the change before is done. */
  #change(isKept: (sender: ChannelSender, settings: AlertSettings) => boolean): Promise<void> {
    const change = this.#changes.then(async () => {
      const settings = this.#newest;
      const [kept, others] = [new Map<string, ChannelSender>(), [] as ChannelSender[]];
      for (const [name, sender] of this.#senders) {
        if (isKept(sender, settings)) kept.set(name, sender);
        else others.push(sender);
      }
      await Promise.all(others.map((sender) => sender.close()));
      if (this.#isClosed) return;
      this.#settings = settings;
      this.#start(kept);
    });
    // Whoever asked for a change hears why it failed; the next one is made all the same.
    this.#changes = change.catch(() => {});
    return change;
  }

  #start(kept: ReadonlyMap<string, ChannelSender>): void {
    const { queues, senderFor, log, now, chance, mayDeliver, changed } = this.#options;
    const settings = this.#settings;
    this.#drop();
    const unrecorded = this.#unrecorded;
    const common = { settings, unrecorded, send: senderFor(settings), log, now, chance, mayDeliver, changed };
    this.#senders = new Map(
      Object.entries(settings.channels).map(([name, channel]) => [
        name,
        kept.get(name) ?? new ChannelSender({ ...common, name, channel, queue: queues.channel(name) }),
      ]),
    );
    this.wake();
  }

  /** Drops what is queued for channels that were removed; what the disk does not take is tried again, and keeps no channel from sending. */
  #drop(): void {
    const { queues, log } = this.#options;
    if (this.#dropTimer) clearTimeout(this.#dropTimer);
    this.#dropTimer = null;
    try {
      for (const name of queues.names()) {
        if (Object.hasOwn(this.#settings.channels, name)) continue;
        const { pending } = queues.channel(name);
        queues.remove(name);
        this.#unrecorded.delete(name);
        log.warn(`Channel ${name} was removed: ${pending} pending notifications dropped`);
      }
      this.#dropFails = false;
    } catch (error) {
      if (!this.#dropFails) log.warn(`What removed channels had pending is dropped later: ${(error as Error).message}`);
      this.#dropFails = true;
      this.#dropTimer = setTimeout(() => this.#drop(), RETRY_MS);
    }
  }
}
