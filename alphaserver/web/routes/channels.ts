/** `GET /api/channels`: the ways in which people are told, and how they fare. */
import type { FastifyInstance } from 'fastify';
import type { ChannelStatus } from '../../notify/channel-sender.ts';
import { Parameters } from '../parameters.ts';
import { ANSWERS, route } from '../schemas.ts';

/** Gives every channel there is. */
export type ChannelsOf = () => readonly ChannelStatus[];

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** Adds the route. */
export function channelRoutes(app: FastifyInstance, channels: ChannelsOf, now: () => number): void {
  app.get('/api/channels', route('Ways to tell people, and how they fare', [], ANSWERS.channels), async (request) => {
    new Parameters(request.query, now()).only([]);
    return {
      channels: channels().map(({ faultAt, deliveredAt, ...rest }) => ({
        ...rest,
        faultAt: iso(faultAt),
        deliveredAt: iso(deliveredAt),
      })),
    };
  });
}
