/** Which connection a message speaks of, and whether it can be the first that does. */

import { endsAs } from './clients.ts';
import { Connection, hasNamedUser } from './connection.ts';
import { isFromPamModule, isOfSession, type ParsedMessage } from './message-types.ts';
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
export function find(table: Table, fact: ParsedMessage, place: Place): Connection | undefined {
  const { host } = place;
  const ends = fact.kind === 'ended';
  const fits = ends && fact.beforeUser ? isUnnamed : isAny;
  if (fact.pid >= 0) {
    const one = table.byPid(host, fact.pid);
    if (one !== undefined || place.pid >= 0) return one;
  } else if (place.pid >= 0) {
    const one = table.byPid(host, place.pid);
    if (one !== undefined) return one;
  }
  if (isFromPamModule(fact)) return undefined;
  if (fact.ip !== null && fact.port !== null) {
    const one = table.byPeer(host, fact.ip, fact.port);
    if (one !== undefined || place.pid >= 0) return one;
    return table.search(host, fact, true, fits);
  }
  if (fact.ip === null && fact.hostName === null) {
    if (fact.user === null || (place.pid >= 0 && (!fact.endsConnection || fact.beforeLogin))) return undefined;
    const parent = table.byPid(host, place.pid - 1);
    return parent !== undefined && endsAs(parent.user, fact.user) ? parent : table.ofUser(host, fact.user);
  }
  // A port-less line: in a log without pids, or the last line of a session's or an old child's pid.
  if (place.pid < 0) return ends && fact.needsKnownConnection ? undefined : table.search(host, fact, false, fits);
  if (!ends) return undefined;
  // The unprivileged process has the pid after its parent's, a session mostly the one after that.
  const isParent = (one: Connection): boolean =>
    (one.pid === place.pid - 1 || (one.pid === place.pid - 2 && one.accepted)) && fits(one);
  const parent = table.search(host, fact, false, isParent);
  // Since sshd says [preauth], the connection's own pid says it; at the end of a goodbye it may be the client's word.
  if (fact.beforeLogin || fact.needsKnownConnection) return fact.endFollows && parent?.accepted ? parent : undefined;
  // Another that has not logged in may well go on: it would be told twice.
  return parent ?? table.search(host, fact, false, isAccepted);
}

const isAccepted = ({ accepted }: Connection): boolean => accepted;
const isUnnamed = (one: Connection): boolean => !hasNamedUser(one);

/** True when the pid or the port has been taken by a new connection. */
export function isAnother(one: Connection, fact: ParsedMessage): boolean {
  if (fact.ip !== null && one.ip !== null && fact.ip !== one.ip) return true;
  if (fact.port !== null && one.port !== null && fact.port !== one.port) return true;
  // A connection asks for one user.
  if (fact.kind === 'pam-failed' && one.held !== null && one.held.user !== fact.user) return true;
  if (fact.kind === 'ended' && fact.beforeUser) return hasNamedUser(one);
  // A client says goodbye once.
  if (fact.kind === 'ended' && fact.endFollows) return one.over;
  if (fact.needsKnownConnection || fact.kind === 'end-reason' || fact.kind === 'ended' || isOfSession(fact))
    return false;
  if (one.over) return true;
  if (one.accepted) return fact.kind !== 'evidence';
  if (fact.isRepeated) return false;
  if (fact.kind === 'opened') return one.opened || !one.pamOnly;
  return fact.kind === 'invalid-user' && (one.named || one.decisions > 0);
}

/** False for a message that only goes on with what must be known already. */
function canOpen(fact: ParsedMessage, place: Place): boolean {
  const nowhere = place.pid < 0 && fact.ip === null;
  // With a pid and [preauth] it is alone where what went before it was cut.
  if ((fact.needsKnownConnection && (!fact.beforeLogin || place.pid < 0)) || isOfSession(fact)) return false;
  if (fact.kind === 'end-reason' && (nowhere || (fact.ip !== null && !fact.beforeLogin))) return false;
  if (fact.kind === 'ended' && (nowhere || (!fact.beforeLogin && fact.port === null))) return false;
  if (
    nowhere &&
    (fact.kind === 'invalid-user' ||
      fact.kind === 'account' ||
      (fact.kind === 'evidence' && !(fact.endsConnection && fact.user !== null)) ||
      isFromPamModule(fact) ||
      fact.kind === 'opened' ||
      fact.kind === 'pending')
  )
    return false;
  return true;
}

/** The connection that the message opens, or undefined where it can open none. */
export function opened(fact: ParsedMessage, place: Place): Connection | undefined {
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
export function learn(table: Table, one: Connection, fact: ParsedMessage, place: Place): void {
  if ((one.ip === null && fact.ip !== null) || (one.port === null && fact.port !== null))
    table.setPeer(one, one.ip ?? fact.ip, one.port ?? fact.port);
  one.hostName ??= fact.hostName;
  // PAM's modules do not escape a name as sshd does: sshd's own word is the better one.
  if (fact.user !== null && (one.user === null || (one.pamOnly && !isFromPamModule(fact)))) one.user = fact.user;
  if (fact.invalidUser !== null && one.invalid !== true) one.invalid = fact.invalidUser;
  heard(one, place);
  if (!isFromPamModule(fact)) one.pamOnly = false;
  table.learned(one);
}

/** A line spoke of the connection. */
export function heard(one: Connection, place: Place): void {
  one.line = place.line;
  one.ms = place.ms;
  one.readMs = place.nowMs;
}
