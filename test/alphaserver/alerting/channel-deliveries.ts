/** What a server delivers over one channel, without a receiver. */
import { SEVERITIES, type Severity } from '../../../alphaserver/alert-config/rules.ts';
import type { QueueOfChannel } from '../../../alphaserver/alerting/notification-queue.ts';
import { messageId } from '../../../alphaserver/notify/message-id.ts';

export const CHANNEL = 'ALPHASERVER_WEBHOOK';

/** Makes a message of what is queued. */
export function gather(queue: QueueOfChannel, madeAt: number, severities: readonly Severity[] = SEVERITIES): void {
  queue.gather(severities, 100, (notifications, count) => [
    { id: messageId(CHANNEL, notifications, count), madeAt, notifications, count, test: false },
  ]);
}

/** Delivers what is queued, or the message that is made already, and gives what the receiver got: `opened ID`. */
export async function deliver(queue: QueueOfChannel, madeAt: number): Promise<string[]> {
  if (queue.first === null && queue.pending > 0) gather(queue, madeAt);
  const message = queue.first?.message;
  if (!message) return [];
  await queue.delivered(message);
  return message.notifications.map(({ kind, incident: { id } }) => `${kind} ${id}`);
}
