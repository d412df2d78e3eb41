/** Ids of messages, by which receivers drop the second of two deliveries. */
import { createHash } from 'node:crypto';
import type { NumberedNotification } from './channel-queue.ts';

/**
 * Returns the id of the message that lists these notifications. It is the same wherever the same message is made: of two servers,
 * the one that takes over delivery sends what the other one left half delivered under the id that the receiver knows. An incident
 * that turned out graver or opened again makes another message: its number counts where it is not that of the first notification of
 * this kind, so that all other ids are those of versions that knew no number.
 */
export function messageId(channel: string, notifications: readonly NumberedNotification[], count: number): string {
  const hash = createHash('sha256').update(JSON.stringify([channel, count]));
  for (const { kind, incident, number } of notifications) {
    const isFirst = number === (kind === 'opened' ? 1 : 2);
    hash.update(`\n${kind} ${incident.id} ${incident.closedAt}${isFirst ? '' : ` ${number}`}`);
  }
  const hex = hash.digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
