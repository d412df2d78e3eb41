/** Whose events no rule sees. */

import { isIn, networks } from '../../service/ip-network.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import type { Seen } from './rule-event.ts';

/** True for events of an allowed address or network, or of an allowed user. */
export function allowedBy({ addresses, users }: AlertSettings['allow']): (seen: Pick<Seen, 'ip' | 'user'>) => boolean {
  const list = networks(addresses);
  const names = new Set(users);
  return ({ ip, user }) => (user !== null && names.has(user)) || (ip !== null && isIn(list, ip));
}
