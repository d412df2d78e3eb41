/** Which connection a message speaks of, and whether it can be the first that does. */

import { endsAs } from './clients.ts';
import { Connection, hasNamedUser } from './connection.ts';
import type { Fact } from './fact.ts';
import { isAny, type Table } from './table.ts';

/** Where a message stood: filled anew for each one. */
export interface Place {
  /** Index of the host. */
  host: number;
  pid: number;
  /** Unix milliseconds, NaN where the log has no time. */
  ms: number;
  line: number;
  nowMs: number;
}

/** The open connection that the message speaks of: by pid, by address and port, by what else it names. */
export function find(table: Table, fact: Fact, place: Place): Connection | undefined {
  const { host } = place;
  const ends = fact.says === 'ended';
  const fits = ends && fact.first ? isUnnamed : isAny;
  if (fact.pid >= 0) {
    const one = table.byPid(host, fact.pid);
    if (one !== undefined || place.pid >= 0) return one;
  } else if (place.pid >= 0) {
    const one = table.byPid(host, place.pid);
    if (one !== undefined) return one;
  }
  if (fact.helper) return undefined;
  if (fact.ip !== null && fact.port !== null) {
    const one = table.byPeer(host, fact.ip, fact.port);
    if (one !== undefined || place.pid >= 0) return one;
    return table.search(host, fact, true, fits);
  }
  if (fact.ip === null && fact.name === null) {
    if (fact.user === null || (place.pid >= 0 && (!fact.last || fact.preauth))) return undefined;
    const parent = table.byPid(host, place.pid - 1);
    return parent !== undefined && endsAs(parent.user, fact.user) ? parent : table.ofUser(host, fact.user);
  }
  // A port-less line: in a log without pids, or the last line of a session's or an old child's pid.
  if (place.pid < 0) return ends && fact.more ? undefined : table.search(host, fact, false, fits);
  if (!ends) return undefined;
  // The unprivileged process has the pid after its parent's, a session mostly the one after that.
  const isParent = (one: Connection): boolean =>
    (one.pid === place.pid - 1 || (one.pid === place.pid - 2 && one.accepted)) && fits(one);
  const parent = table.search(host, fact, false, isParent);
  // Since sshd says [preauth], the connection's own pid says it; at the end of a goodbye it may be the client's word.
  if (fact.preauth || fact.more) return fact.soon && parent?.accepted ? parent : undefined;
  // Another that has not logged in may well go on: it would be told twice.
  return parent ?? table.search(host, fact, false, isAccepted);
}

const isAccepted = ({ accepted }: Connection): boolean => accepted;
const isUnnamed = (one: Connection): boolean => !hasNamedUser(one);

/** True when the pid or the port has been taken by a new connection. */
export function isAnother(one: Connection, fact: Fact): boolean {
  if (fact.ip !== null && one.ip !== null && fact.ip !== one.ip) return true;
  if (fact.port !== null && one.port !== null && fact.port !== one.port) return true;
  // A connection asks for one user.
  if (fact.says === 'pam' && one.held !== null && one.held.user !== fact.user) return true;
  if (fact.says === 'ended' && fact.first) return hasNamedUser(one);
  // A client says goodbye once.
  if (fact.says === 'ended' && fact.soon) return one.over;
  if (fact.more || fact.says === 'remark' || fact.says === 'ended' || fact.says === 'session-over') return false;
  if (one.over) return true;
  if (one.accepted) return !(fact.says === 'evidence' && !fact.helper);
  if (!fact.first) return false;
  return fact.says === 'opened' ? one.opened || !one.pamOnly : one.named || one.decisions > 0;
}

/** False for a message that only goes on with what must be known already. */
function canOpen(fact: Fact, place: Place): boolean {
  const nowhere = place.pid < 0 && fact.ip === null;
  // With a pid and [preauth] it is alone where what went before it was cut.
  if ((fact.more && (!fact.preauth || place.pid < 0)) || fact.says === 'session-over') return false;
  if (fact.says === 'remark' && (nowhere || (fact.ip !== null && !fact.preauth))) return false;
  if (fact.says === 'ended' && (nowhere || (!fact.preauth && fact.port === null))) return false;
  if (
    nowhere &&
    (fact.says === 'named' ||
      (fact.says === 'evidence' && !(fact.last && fact.user !== null)) ||
      fact.says === 'opened')
  )
    return false;
  return true;
}

/** The connection that the message opens, or undefined where it can open none. */
export function opened(fact: Fact, place: Place): Connection | undefined {
  if (!canOpen(fact, place)) return undefined;
  const one = new Connection();
  one.host = place.host;
  // The listener's own lines carry the listener's pid.
  one.pid = fact.pid >= 0 ? fact.pid : place.pid;
  one.ip = fact.ip;
  one.port = fact.port;
  return one;
}

/** What the message tells of its connection that was not known. */
export function learn(table: Table, one: Connection, fact: Fact, place: Place): void {
  if ((one.ip === null && fact.ip !== null) || (one.port === null && fact.port !== null))
    table.setPeer(one, one.ip ?? fact.ip, one.port ?? fact.port);
  one.name ??= fact.name;
  // PAM's modules do not escape a name as sshd does: sshd's own word is the better one.
  if (fact.user !== null && (one.user === null || (one.pamOnly && !fact.helper))) one.user = fact.user;
  if (fact.invalid !== null && one.invalid !== true) one.invalid = fact.invalid;
  heard(one, place);
  if (!fact.helper) one.pamOnly = false;
  table.learned(one);
}

/** A line spoke of the connection. */
export function heard(one: Connection, place: Place): void {
  one.line = place.line;
  one.ms = place.ms;
  one.readMs = place.nowMs;
}
