/** Decides whether a message goes on with a connection that is known, is about another one, or opens one. Pure. */

import { type Connection, hasNamedUser } from './connection.ts';
import type { LineContext } from './line-context.ts';
import type { ParsedMessage } from './message-types.ts';

/** True when the pid or the port of this connection has been taken by a new one, which the message is about. */
export function isAnother(connection: Connection, message: ParsedMessage, isRepeated: boolean): boolean {
  const { ip, port, state, pendingFailure } = connection;
  if (message.ip !== null && ip !== null && message.ip !== ip) return true;
  if (message.port !== null && port !== null && message.port !== port) return true;
  switch (message.kind) {
    case 'end-reason':
    case 'session-closed':
    case 'session-ended':
      return false;
    case 'ended':
      if (message.beforeUser && !isRepeated) return hasNamedUser(connection);
      // A client disconnects once.
      return message.endFollows && state === 'closed';
    case 'pam-failed':
      // A connection asks for one user.
      if (pendingFailure !== null && pendingFailure.user !== message.user) return true;
      break;
  }
  if (message.needsKnownConnection) return false;
  if (state === 'closed') return true;
  if (state === 'accepted') return message.kind !== 'evidence' && message.kind !== 'attempts-exceeded';
  if (isRepeated) return false;
  if (message.kind === 'opened') return state !== 'unconfirmed';
  return message.kind === 'invalid-user' && (state === 'authenticating' || state === 'failed');
}

/** False for a message that only goes on with a connection that must be known already. */
export function canOpen(message: ParsedMessage, context: LineContext): boolean {
  // With a pid and [preauth] it stands alone where what went before it was cut.
  if (message.needsKnownConnection && (!message.beforeLogin || context.pid < 0)) return false;
  // Nothing shows whose it is.
  const isNowhere = context.pid < 0 && message.ip === null;
  switch (message.kind) {
    case 'session-closed':
    case 'session-ended':
      return false;
    case 'accepted':
    case 'failed':
    case 'pam-failed':
      return true;
    case 'end-reason':
      return !isNowhere && (message.ip === null || message.beforeLogin);
    case 'ended':
      return !isNowhere && (message.beforeLogin || message.port !== null);
    case 'evidence':
    case 'attempts-exceeded':
      return !isNowhere || (message.endsConnection && message.user !== null);
    default:
      return !isNowhere;
  }
}
