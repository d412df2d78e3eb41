/** PAM's helper process: by keyboard-interactive, PAM's modules write under the pid of a child of the connection's own process. */

import { isSameName } from './client-name.ts';
import { ALL_TAKEN, type Connection } from './connection.ts';
import type { ConnectionTable } from './connection-table.ts';

/**
 * A connection forks its helper, whose pid is thus above its own, and by no more than this where the client asks for the method at once:
 * hosts under attack start few others meanwhile.
 */
const HELPER_DISTANCE_PIDS = 64;

/**
 * True for a helper whose failure was counted for a connection. It waits for the line that another module may still write of that failure,
 * which is no attempt of its own, and becomes no event.
 */
export function isSpentHelper({ state, closing, pamFailures }: Connection): boolean {
  return state === 'unconfirmed' && closing && pamFailures === 0;
}

/**
 * Takes what it wrote, and its client, from a helper whose failure was counted for a connection: nothing but its pid finds it. Gives false
 * for one without a pid, which is removed.
 */
export function spendHelper(table: ConnectionTable, helper: Connection): boolean {
  if (helper.pid < 0) {
    table.remove(helper);
    return false;
  }
  helper.pamFailures = 0;
  helper.pamUnknown = 0;
  helper.closing = true;
  table.setClient(helper, null, null);
  table.setPeer(helper, null, null);
  table.changed(helper);
  return true;
}

/** How likely it is that PAM's helper process of a connection wrote the lines of `one`, from 0 (not at all) to 4. */
export function likelihoodOfHelper(one: Connection, connection: Connection, isAccepted: boolean): number {
  const { ip, hostName, user, invalidUser, pid } = connection;
  if (one === connection || one.state !== 'unconfirmed' || one.pamFailures === 0) return 0;
  const isTaken = one.pamFailures === ALL_TAKEN;
  if (isTaken && !isAccepted) return 0;
  const isSameUser = one.user !== null && user !== null && isSameName(one.user, user);
  if (one.user !== null && user !== null && !isSameUser) return 0;
  const isSameClient = (ip !== null && one.ip === ip) || (hostName !== null && one.hostName === hostName);
  const isNamed = one.ip === null && one.hostName !== null && one.user !== null && one.user === user;
  if (!isSameClient && !isNamed) return 0;
  // A module took the password in it: the failure of another process is more likely an attempt of its own.
  if (isTaken) return 4;
  // PAM does not name a user who does not exist.
  if (!isSameUser && !(one.user === null && invalidUser === true)) return 1;
  return pid >= 0 && one.pid > pid && one.pid - pid <= HELPER_DISTANCE_PIDS ? 3 : 2;
}
