/** Defines what a channel's sender needs of the durable queue that alerting keeps for it. */
import type { Severity } from '../alert-config/rules.ts';
import type { Message, Notification } from './message.ts';

/** Describes a message that is not delivered yet, and how its deliveries went. */
export interface PendingMessage {
  readonly message: Message;
  /** The number of deliveries that failed, and the time of the next one: Unix milliseconds. */
  readonly failures: number;
  readonly nextMs: number;
}

/** A notification out of the queue, which gives it its number. */
export type NumberedNotification = Notification & { readonly number: number };

/** Makes the messages that stand for `count` notifications; `notifications` lists the gravest of them, ends last. */
export type MakeMessages = (notifications: readonly NumberedNotification[], count: number) => readonly Message[];

/** Queues the notifications and messages of one channel. Each call that changes them is one durable transaction, and throws when the disk does not take it. */
export interface ChannelQueue {
  /** The number of incidents that are not delivered yet: queued ones, those dropped to keep the bound, those in a message. */
  readonly pending: number;
  /** The time since which a notification of one of these severities is queued, Unix milliseconds; null where none is. */
  oldestMs(severities: readonly Severity[]): number | null;
  /** The time at which the channel's last message was made, Unix milliseconds; null for never. */
  readonly lastMadeMs: number | null;
  /** The oldest message that is not delivered, or null. */
  readonly first: PendingMessage | null;
  /** Replaces the queued notifications of these severities, and the count of dropped ones, by messages. */
  gather(severities: readonly Severity[], listed: number, make: MakeMessages): void;
  /** Saves that a delivery failed. */
  failed(message: Message, failures: number, nextMs: number): void;
  /** Records who was notified of what in the log of decisions, then removes the message. Rejects when it cannot be recorded. */
  delivered(message: Message): Promise<void>;
  /** Removes a message that is given up. */
  discard(message: Message): void;
}

/** The queues of all channels. */
export interface ChannelQueues {
  /** Names of the channels that something is queued for. */
  names(): readonly string[];
  channel(name: string): ChannelQueue;
  /** Drops all that is queued for a channel that was removed from the settings. */
  remove(name: string): void;
}
