/** Random streams of events that have something of every rule. */
import type { Given } from './stream.ts';

/** A small generator with a seed, so that what failed can be run again. */
export function dice(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Attackers of several tempers, people, and pauses near every edge that the rules have. */
export function mixed(seed: number, count: number): Given[] {
  const roll = dice(seed);
  const pauses = [0, 0, 1, 1, 3, 6, 7, 20, 61, 240, 600, 899, 900, 901, 960, 3_600, 7_300];
  let at = 0;
  let temper = 0;
  return Array.from({ length: count }, () => {
    if (roll(12) === 0) temper = roll(5);
    at += temper < 4 ? (pauses[roll(4 + temper * 3)] as number) : (pauses[roll(pauses.length)] as number);
    // Now and then one who only probes.
    const kind = at % 7 === 0 ? 0 : roll(10);
    const host = `h${roll(temper === 2 ? 8 : 2)}`;
    const event = {
      at,
      ip: roll(8) === 0 ? `2001:db8:0:${roll(3)}::${roll(5)}` : `198.51.100.${roll(temper === 3 ? 14 : 2)}`,
      host,
      agent: `agent of ${host}`,
      user: temper === 1 ? `u${roll(14)}` : (['root', 'mira', 'deploy'][roll(3)] as string),
      outcome: kind === 0 ? 'probe' : kind < (temper === 4 ? 7 : 2) ? 'accepted' : 'failed',
      method: roll(14) === 0 ? 'password' : roll(3) === 0 && temper !== 4 ? 'password' : 'publickey',
    } as const;
    return event.outcome === 'accepted' && event.method === 'publickey' ? { ...event, key: keyOf(event.user) } : event;
  });
}

/** The one key of a user, as sshd logs it. */
export const keyOf = (user: string): string => `ED25519 SHA256:${user.padEnd(43, '+')}`;
