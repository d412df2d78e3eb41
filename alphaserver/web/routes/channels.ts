/** `GET /api/channels`: the ways to notify people, and how they fare. */
import type { ChannelStatus } from '../../notify/channel-sender.ts';
import { API } from '../api-schema.ts';
import type { ApiApp } from '../parameters.ts';

/** Gives every channel there is. */
export type ChannelsOf = () => readonly ChannelStatus[];

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** Adds the route. */
export function channelRoutes(app: ApiApp, channels: ChannelsOf): void {
  app.get('/api/channels', API.channels, async () => ({
    channels: channels().map((channel) => ({
      ...channel,
      faultAt: iso(channel.faultAt),
      deliveredAt: iso(channel.deliveredAt),
    })),
  }));
}
