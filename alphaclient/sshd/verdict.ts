/** What a connection becomes that ended without a decision of its own: a probe, or failures that only others told of. */

import type { Outcome } from '../../protocol/event.ts';
import type { Connection } from './connection.ts';
import type { What } from './event.ts';
import type { ParsedMessage } from './message-types.ts';

/**
 * How many decisions are evident though no line of sshd told them. PAM writes `check pass` for each failure of an
 * unknown user, but `authentication failure` once, with a summary of the others at the end. What sshd isDecision about an
 * invalid user it always says, and keys of one it never decides about: what it says of those is no decision.
 */
export function failures(one: Connection): number {
  return Math.max(one.pamFailures, one.pamUnknown, one.evidence && one.invalid !== true ? 1 : 0);
}

/** Whether a failure is evident, also one of an invalid user, which is none of its own: the connection's end is near then. */
export function showsFailure(one: Connection): boolean {
  return one.evidence || failures(one) > 0;
}

/** Evidence of a decision whose own line may never come. */
export function weigh(one: Connection, fact: ParsedMessage): void {
  if (fact.kind === 'pam-failure-summary') {
    if (one.pamFailures > 0) one.pamFailures += fact.count;
  } else if (fact.kind === 'pam-unknown-user') one.pamUnknown += fact.count;
  else if (fact.kind === 'pam-failure') one.pamFailures = Math.max(one.pamFailures + fact.count, 1);
  else {
    one.evidence = true;
    one.method ??= fact.method;
    one.refusal ??= fact.reason;
  }
}

/** The event of a connection that is over, and how many of it. */
export function verdict(one: Connection): { outcome: Outcome; times: number; what: What } {
  const failed = failures(one);
  // `check pass; user unknown` of a helper says neither who nor where from.
  const silent = one.pamOnly && one.pamFailures === 0;
  const method = one.method ?? 'password';
  const reason = one.refusal ?? (failed > 0 ? 'PAM: authentication failure' : (one.remark ?? 'connection left open'));
  return {
    outcome: failed > 0 ? 'failed' : 'probe',
    times: silent ? 0 : Math.max(failed, 1),
    what: {
      user: one.user,
      invalid: one.invalid,
      ip: one.ip,
      port: one.port,
      method: failed > 0 ? method : null,
      key: null,
      reason,
    },
  };
}
