/** One channel's messages, one after the other, each tried until it is delivered. */
import { randomUUID } from 'node:crypto';
import type { Logger } from '../../service/logger.ts';
import type { Channel } from '../alert-config/channels.ts';
import { SEVERITIES } from '../alert-config/rules.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import type { Notices } from '../alerting/notification-queue.ts';
import type { Deliver } from './deliver.ts';
import { faulty } from './delivery.ts';
import { LISTED_LIMIT, type Message } from './message.ts';
import type { Messages, Pending } from './pending-messages.ts';
import { messagesFor } from './render.ts';
import { REFUSED_LIMIT_MS, RETRY_AFTER_LIMIT_MS, RETRY_MS, retryDelayMs, tellable, waitMs } from './retry-schedule.ts';

/** Quiet hours are looked at again so often, milliseconds. */
const QUIET_LOOK_MS = 30_000;

/** How a channel fares, for people and metrics. */
export interface ChannelStatus {
  readonly name: string;
  readonly kind: Channel['type'];
  /** Incidents that are still to be told, those in a message on its way among them. */
  readonly waiting: number;
  /** Why the last try failed, and since when all have; null while deliveries work. Unix milliseconds. */
  readonly fault: string | null;
  readonly faultAt: number | null;
  readonly deliveredAt: number | null;
  /** Since this process began. */
  readonly delivered: number;
  readonly failed: number;
}

/** One channel, and what its messages stand on. */
export interface LineOptions {
  readonly name: string;
  readonly channel: Channel;
  readonly settings: AlertSettings;
  readonly notices: Notices;
  readonly messages: Messages;
  /** Runs work in one durable transaction; throws when the disk does not take it. */
  readonly transaction: <T>(work: () => T) => T;
  readonly deliver: Deliver;
  readonly log: Logger;
  readonly now: () => number;
  readonly chance: () => number;
}

/** Works from `wake` on until `close`, over restarts too: what waits, waits in the store. */
export class Line {
  readonly #options: LineOptions;
  readonly #ending = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #busy: Promise<void> | null = null;
  /** True when something came while it was busy. */
  #woken = false;
  /** Delivered, but not noted yet: the note is tried again, not the delivery. */
  #done: string | null = null;
  /** True while the store does not take what is to be noted. */
  #unnoted = false;
  #fault: string | null = null;
  #faultAt: number | null = null;
  #deliveredAt: number | null = null;
  #delivered = 0;
  #failed = 0;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  status(): ChannelStatus {
    const { name, channel, notices, messages } = this.#options;
    return {
      name,
      kind: channel.type,
      waiting: notices.waiting(name) + notices.dropped(name) + messages.waiting(name),
      fault: this.#fault,
      faultAt: this.#faultAt,
      deliveredAt: this.#deliveredAt,
      delivered: this.#delivered,
      failed: this.#failed,
    };
  }

  /** There may be something to tell. */
  wake(): void {
    this.#woken = true;
    if (this.#busy || this.#ending.signal.aborted) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#woken = false;
    this.#busy = this.#step().then((inMs) => {
      this.#busy = null;
      if (this.#ending.signal.aborted) return;
      if (this.#woken) this.wake();
      else if (inMs !== null) this.#timer = setTimeout(() => this.wake(), inMs);
    });
  }

  /** Breaks off. A message whose delivery is broken off is tried again at the next start, with the same id. */
  async close(): Promise<void> {
    this.#ending.abort();
    if (this.#timer) clearTimeout(this.#timer);
    await this.#busy;
  }

  /** Does what there is to do now; gives in how many milliseconds to look again, or null when woken only. */
  async #step(): Promise<number | null> {
    const { name, messages, log } = this.#options;
    try {
      const pending = messages.first(name);
      const inMs = pending === null ? this.#gather() : await this.#try(pending);
      this.#unnoted = false;
      return inMs;
    } catch (error) {
      if (!this.#unnoted) log.warn(`Channel ${name} waits for the store: ${(error as Error).message}`);
      this.#unnoted = true;
      return RETRY_MS;
    }
  }

  #gather(): number | null {
    const { name, channel, settings, notices, messages, transaction, now } = this.#options;
    const nowMs = now();
    const severities = tellable(settings.quietHours, nowMs);
    const sinceMs = notices.since(name, severities);
    if (sinceMs === null) return notices.waiting(name, SEVERITIES) > 0 ? QUIET_LOOK_MS : null;
    const { groupWaitMs, groupEveryMs } = settings;
    const inMs = waitMs({ sinceMs, lastMs: messages.lastMadeMs(name), groupWaitMs, groupEveryMs }, nowMs);
    if (inMs > 0) return inMs;
    transaction(() => {
      const told = notices.gravest(name, severities, LISTED_LIMIT).map(({ kind, incident }) => ({ kind, incident }));
      const count = notices.waiting(name, severities) + notices.dropped(name);
      const whole: Message = { id: randomUUID(), madeAt: nowMs, told, count, test: false };
      for (const message of messagesFor(channel, whole)) messages.add(name, message);
      notices.settle(name, severities);
    });
    return 0;
  }

  async #try({ message, failures, nextMs }: Pending): Promise<number> {
    const { name, channel, messages, transaction, deliver, log, now, chance } = this.#options;
    const early = nextMs - now();
    // A time further away than any delay is of a clock that has been set back since.
    if (early > 0 && early <= RETRY_AFTER_LIMIT_MS) return early;
    const { signal } = this.#ending;
    const delivery =
      this.#done === message.id
        ? { ok: true as const }
        : await deliver(channel, message, signal).catch((error: Error) => faulty(error.message));
    if (delivery.ok) {
      this.#done = message.id;
      transaction(() => messages.drop(message));
      this.#done = null;
      this.#delivered += 1;
      this.#deliveredAt = now();
      if (this.#fault !== null) log.info(`Channel ${name} works again`);
      this.#fault = null;
      this.#faultAt = null;
      return 0;
    }
    if (signal.aborted) return 0;
    this.#failed += 1;
    if (this.#fault === null) log.warn(`Channel ${name}: ${delivery.fault}; tried again until it is delivered`);
    this.#fault = delivery.fault;
    this.#faultAt ??= now();
    if (delivery.refused && now() - message.madeAt > REFUSED_LIMIT_MS) {
      log.error(`Channel ${name}: a message of ${message.count} alerts is given up after a day: ${delivery.fault}`);
      transaction(() => messages.drop(message));
      return 0;
    }
    const inMs = retryDelayMs(failures + 1, delivery.retryAfterMs, chance());
    transaction(() => messages.failed(message, failures + 1, now() + inMs, delivery.fault));
    return inMs;
  }
}
