/** Finds the connection that a message is about, by what its line has of it. */

import { endsAs } from './client-name.ts';
import { type Connection, hasNamedUser, isLogin } from './connection.ts';
import type { ConnectionTable } from './connection-table.ts';
import type { LineContext } from './line-context.ts';
import { isFromPamModule, isOfSession, type ParsedMessage } from './message-types.ts';

/** Finds the open connection that a message is about: by pid, then by address and port, then by what else it has of the client. */
export function connectionOf(
  table: ConnectionTable,
  message: ParsedMessage,
  context: LineContext,
  isRepeated: boolean,
): Connection | undefined {
  const { host } = context;
  const isEnd = message.kind === 'ended';
  const pid = message.pid >= 0 ? message.pid : context.pid;
  if (pid >= 0) {
    const found = table.byPid(host, pid);
    if (found !== undefined || (message.pid >= 0 && context.pid >= 0)) return found;
  }
  if (isFromPamModule(message)) return undefined;
  // A client that has not come to name a user is not one that has, and one that has not logged in is not one that has: sshd's
  // listener names the address alone, and a process that a log without pids does not have.
  const fits = (one: Connection): boolean =>
    !isEnd ||
    ((!message.beforeUser || isRepeated || !hasNamedUser(one)) &&
      (!message.beforeLogin || message.endFollows || !isLogin(one)));
  if (message.ip !== null && message.port !== null) {
    const found = table.byPeer(host, message.ip, message.port);
    return found !== undefined || context.pid >= 0 ? found : table.searchPortless(host, message, fits);
  }
  if (message.ip === null && message.hostName === null) {
    if (message.user === null || isOfSession(message)) return undefined;
    if (context.pid >= 0 && (!message.endsConnection || message.beforeLogin)) return undefined;
    const parent = table.byPid(host, context.pid - 1);
    return parent !== undefined && endsAs(parent.user, message.user) ? parent : table.ofUser(host, message.user);
  }
  // Without a port: in a log without pids, or the last line of a session's or an old child's pid.
  if (context.pid < 0) {
    if (isEnd && message.needsKnownConnection) return undefined;
    if (message.kind === 'pam-failed') return failingConnection(table, message, host);
    const found = table.search(host, message, fits);
    // sshd's listener names a process, which this log does not have: of several of its address any may be meant.
    const isSure = !isEnd || message.pid < 0 || found === undefined || !isLogin(found);
    return isSure || !table.search(host, message, (one) => one !== found && fits(one)) ? found : undefined;
  }
  if (!isEnd) return undefined;
  // The unprivileged process has the pid after its parent's, a session mostly the one after that; a helper of PAM's is no parent.
  const parent = table.search(
    host,
    message,
    (one) =>
      ((one.pid === context.pid - 1 && one.state !== 'unconfirmed') ||
        (one.pid === context.pid - 2 && one.state === 'accepted')) &&
      fits(one),
  );
  // Since sshd writes [preauth], the connection's own pid does; at the end of a client's disconnect it may be the client's text.
  if (message.beforeLogin || message.needsKnownConnection)
    return message.endFollows && parent?.state === 'accepted' ? parent : undefined;
  // Another one that has not logged in may well go on: it would become two events.
  return parent ?? table.search(host, message, isLogin);
}

/**
 * Finds the connection of a `PAM:` line in a log without pids: the only one with a port that has asked for this user; else one without
 * a port, which keeps the failure until its `Failed` line, or the end of a connection, tells the port.
 */
function failingConnection(table: ConnectionTable, message: ParsedMessage, host: number): Connection | undefined {
  // At INFO this line may be the first of its connection; where the log has the first one, it has the request for the user, too.
  const isNamed = (one: Connection): boolean => one.port !== null && one.user !== null && !isLogin(one);
  const named = table.search(host, message, isNamed);
  const isAlone = named !== undefined && !table.search(host, message, (one) => one !== named && isNamed(one));
  return isAlone ? named : table.searchPortless(host, message, (one) => !isLogin(one));
}
