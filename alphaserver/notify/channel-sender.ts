/** Sends one channel's messages, one after the other, each retried until it is delivered. */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from '../../service/logger.ts';
import type { Channel } from '../alert-config/rules-schema.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import type { ChannelQueue, PendingMessage } from './channel-queue.ts';
import { faulty } from './delivery.ts';
import { LISTED_LIMIT, type Message, messagesFor } from './message.ts';
import { messageId } from './message-id.ts';
import { REFUSED_LIMIT_MS, RETRY_AFTER_LIMIT_MS, RETRY_MS, retryDelayMs, sendable, waitMs } from './retry-schedule.ts';
import type { Send } from './send.ts';

/** The end of quiet hours is checked at this interval, milliseconds. */
const QUIET_CHECK_MS = 30_000;

/** Describes the state of a channel for people and metrics. Times are Unix milliseconds. */
export interface ChannelStatus {
  readonly name: string;
  readonly kind: Channel['type'];
  /** Incidents that are not delivered yet. */
  readonly waiting: number;
  /** Why the last delivery failed, and since when all have; null while deliveries succeed. */
  readonly fault: string | null;
  readonly faultAt: number | null;
  readonly deliveredAt: number | null;
  /** Deliveries since this process started. */
  readonly delivered: number;
  readonly failed: number;
}

/** Holds a channel, and what its sender needs. */
export interface ChannelSenderOptions {
  readonly name: string;
  readonly channel: Channel;
  readonly settings: AlertSettings;
  readonly queue: ChannelQueue;
  /**
   * The message of each channel, by name, that is delivered and could not be recorded as such: only the record is retried. It outlives a sender,
   * so that the next one of the channel does not send that message again.
   */
  readonly unrecorded: Map<string, string>;
  readonly send: Send;
  readonly log: Logger;
  readonly now: () => number;
  /** A random number from 0 to 1, which spreads retries. */
  readonly chance: () => number;
  /** True while this server is the one that delivers. */
  readonly mayDeliver: () => boolean;
  /** Called after each step: the channel's state may have changed. */
  readonly changed: () => void;
}

/** Runs from `wake` until `close`. All that is queued is durable, so a restart goes on where the last process stopped. */
export class ChannelSender {
  readonly #options: ChannelSenderOptions;
  readonly #ending = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #busy: Promise<void> | null = null;
  /** True when `wake` was called during a step. */
  #woken = false;
  /** True while the queue does not take changes. */
  #blocked = false;
  #fault: string | null = null;
  #faultAt: number | null = null;
  #deliveredAt: number | null = null;
  #delivered = 0;
  #failed = 0;

  constructor(options: ChannelSenderOptions) {
    this.#options = options;
  }

  /** True where these settings make no difference to this sender. */
  isFor(settings: AlertSettings): boolean {
    const { name, settings: own } = this.#options;
    return Object.hasOwn(settings.channels, name) && isDeepStrictEqual(partFor(name, settings), partFor(name, own));
  }

  status(): ChannelStatus {
    const { name, channel, queue } = this.#options;
    return {
      name,
      kind: channel.type,
      waiting: queue.pending,
      fault: this.#fault,
      faultAt: this.#faultAt,
      deliveredAt: this.#deliveredAt,
      delivered: this.#delivered,
      failed: this.#failed,
    };
  }

  /** Starts a step, or another one after the step that runs: something may have been queued. */
  wake(): void {
    this.#woken = true;
    if (this.#busy || this.#ending.signal.aborted) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#woken = false;
    this.#busy = this.#step().then((inMs) => {
      this.#busy = null;
      this.#options.changed();
      if (this.#ending.signal.aborted) return;
      if (this.#woken) this.wake();
      else if (inMs !== null) this.#timer = setTimeout(() => this.wake(), inMs);
    });
  }

  /** Aborts the delivery that runs; the next start sends that message again, with the same id. */
  async close(): Promise<void> {
    this.#ending.abort();
    if (this.#timer) clearTimeout(this.#timer);
    await this.#busy;
  }

  /** Makes or sends one message. Returns the time to the next step in milliseconds, or null where only `wake` starts one. */
  async #step(): Promise<number | null> {
    const { name, queue, log, mayDeliver } = this.#options;
    if (!mayDeliver()) return null;
    try {
      const pending = queue.first;
      const inMs = pending === null ? this.#gather() : await this.#deliver(pending);
      this.#blocked = false;
      return inMs;
    } catch (error) {
      if (!this.#blocked) log.warn(`Channel ${name} waits for the store: ${(error as Error).message}`);
      this.#blocked = true;
      return RETRY_MS;
    }
  }

  #gather(): number | null {
    const { name, channel, settings, queue, now } = this.#options;
    const nowMs = now();
    const severities = sendable(settings.quietHours, nowMs);
    const sinceMs = queue.oldestMs(severities);
    if (sinceMs === null) return queue.pending > 0 ? QUIET_CHECK_MS : null;
    const { groupWaitMs, groupEveryMs } = settings;
    const inMs = waitMs({ sinceMs, lastMs: queue.lastMadeMs, groupWaitMs, groupEveryMs }, nowMs);
    if (inMs > 0) return inMs;
    queue.gather(severities, LISTED_LIMIT, (notifications, count) =>
      messagesFor(channel, {
        id: messageId(name, notifications, count),
        madeAt: nowMs,
        notifications,
        count,
        test: false,
      }),
    );
    return 0;
  }

  async #deliver({ message, failures, nextMs }: PendingMessage): Promise<number> {
    const { name, channel, unrecorded, send, now } = this.#options;
    const early = nextMs - now();
    // A time further away than any delay was set by a clock that has been set back since.
    if (early > 0 && early <= RETRY_AFTER_LIMIT_MS) return early;
    const { signal } = this.#ending;
    const delivery =
      unrecorded.get(name) === message.id
        ? { ok: true as const }
        : await send(channel, message, signal).catch((error: Error) => faulty(error.message));
    if (delivery.ok) return this.#succeeded(message);
    return signal.aborted ? 0 : this.#retry(message, failures + 1, delivery);
  }

  async #succeeded(message: Message): Promise<number> {
    const { name, queue, unrecorded, log, now } = this.#options;
    unrecorded.set(name, message.id);
    await queue.delivered(message);
    unrecorded.delete(name);
    this.#delivered += 1;
    this.#deliveredAt = now();
    if (this.#fault !== null) log.info(`Channel ${name} works again`);
    this.#fault = null;
    this.#faultAt = null;
    return 0;
  }

  #retry(message: Message, failures: number, delivery: Extract<Awaited<ReturnType<Send>>, { ok: false }>): number {
    const { name, queue, log, now, chance } = this.#options;
    const { fault, refused, retryAfterMs } = delivery;
    this.#failed += 1;
    if (this.#fault === null) log.warn(`Channel ${name}: ${fault}; retried until it is delivered`);
    this.#fault = fault;
    this.#faultAt ??= now();
    if (refused && now() - message.madeAt > REFUSED_LIMIT_MS) {
      log.error(`Channel ${name}: a message of ${message.count} alerts is discarded after a day: ${fault}`);
      queue.discard(message);
      return 0;
    }
    const inMs = retryDelayMs(failures, retryAfterMs, chance());
    queue.failed(message, failures, now() + inMs);
    return inMs;
  }
}

/** Returns the settings that a channel's sender reads, and `page`, which is in its messages. */
const partFor = (name: string, settings: AlertSettings): readonly unknown[] => {
  const { channels, quietHours, groupWaitMs, groupEveryMs, page } = settings;
  return [channels[name], quietHours, groupWaitMs, groupEveryMs, page];
};
