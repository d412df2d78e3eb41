/** The simulated fleet: its hosts, how each one's log is written, its people, and where attackers come from. */

import type { Account } from './logged-connection.ts';
import type { Random } from './random.ts';

/** The form of a host's log. `raw` is `sshd -E`: no time, so only what happens while the demo runs can be in it. */
export type LogForm = 'iso' | 'rfc3164' | 'raw';

/** A log that one agent reads. A relayed log collects many hosts. */
export interface Log {
  /** The agent's name. */
  readonly name: string;
  readonly form: LogForm;
  readonly hosts: readonly [string, ...string[]];
}

export const RELAYED = ['web-1', 'web-2', 'web-3', 'api-1', 'api-2', 'db-1', 'db-2', 'mail-1'] as const;
/** Takes logins by key alone, but for one night. */
export const KEY_HOST = 'git-1';
/** Its agent stops when the past has been written. */
export const SILENT_HOST = 'build-7';
/** Writes lines that nobody knows since its upgrade. */
export const UPGRADED_HOST = 'bastion-ams';
/** A small machine whose sshd writes to a file of its own. */
export const RAW_HOST = 'edge-sfo';
/** Somebody got in here. */
export const BROKEN_HOST = 'db-2';

export const LOGS: readonly Log[] = [
  { name: 'log-relay', form: 'iso', hosts: RELAYED },
  { name: UPGRADED_HOST, form: 'rfc3164', hosts: [UPGRADED_HOST] },
  { name: KEY_HOST, form: 'iso', hosts: [KEY_HOST] },
  { name: SILENT_HOST, form: 'rfc3164', hosts: [SILENT_HOST] },
  { name: RAW_HOST, form: 'raw', hosts: [RAW_HOST] },
];

/** All hosts that have a past. */
export const HOSTS = LOGS.filter(({ form }) => form !== 'raw').flatMap(({ hosts }) => hosts) as [string, ...string[]];

export const PEOPLE: readonly [Account, ...Account[]] = [
  { user: 'mira', uid: 1001, key: 'ED25519 SHA256:8Yb1dWc0mYk5kq1m0sVd9l3wqk2o0xTtqk7gG3hJb1A' },
  { user: 'tomasz', uid: 1002, key: 'ED25519 SHA256:Zk0nV5Rr3gUq2xkJwq8Jm1c7yT4bPp9eLhN6sDfXo2E' },
  { user: 'aylin', uid: 1003, key: 'ECDSA SHA256:q3F7uKx1bWm9TzR5vYc2sN8dLg4hJ6pEo0aBtXiCkUM' },
  { user: 'j.okafor', uid: 1004, key: 'RSA SHA256:Tn4cPz7sKq2vXw9yLb5mHd8fJg1rRu3eAo6iNtBkEWs' },
];
export const DEPLOY: Account = {
  user: 'deploy',
  uid: 990,
  key: 'ED25519 SHA256:mC2xTq7vBz5nKw9rLp3sYd6hJf8gUo1eAi4bNtXkEWc',
};
export const GIT: Account = {
  user: 'git',
  uid: 991,
  key: 'ED25519 SHA256:vH5kRz8tNq2wXy7mLb4cPd1fJg6sUo9eAi3rTnBkEMx',
};
export const BACKUP: Account = {
  user: 'backup',
  uid: 34,
  key: 'ED25519 SHA256:wL7tXk3bNz9vRq5yMc2hPd8fJg4sUo1eAi6rTnBkEQz',
};

/** The places of the fleet's people. All addresses are of the ranges for documentation and benchmarks. */
export const OFFICE = ['192.0.2.17', '192.0.2.24', '192.0.2.101', '2001:db8:10:1::24'] as const;

/** Names that guessers try, the usual ones more often. True: the fleet has such an account. */
export const GUESSED: readonly (readonly [number, readonly [string, boolean]])[] = [
  [40, ['root', true]],
  [14, ['admin', false]],
  [10, ['ubuntu', false]],
  [7, ['test', false]],
  [7, ['user', false]],
  [6, ['postgres', true]],
  [6, ['oracle', false]],
  [5, ['pi', false]],
  [5, ['git', true]],
  [4, ['hadoop', false]],
  [4, ['ftpuser', false]],
  [4, ['deploy', true]],
  [3, ['es', false]],
  [3, ['minecraft', false]],
  [2, ['steam', false]],
  [2, ['debian', false]],
  [2, ['jenkins', false]],
  [2, ['odoo', false]],
  [1, ['<b>admin</b>', false]],
  [1, ["admin' or '1'='1", false]],
  [1, ['\\033[2J\\033[Hroot', false]],
  [1, ['svc-backup-replication-operator-eu-central-1-production', false]],
];

/** An address of a scanner: an own one for each `index`. */
export function scanner(index: number): string {
  return `198.18.${(index * 37) % 250}.${((index * 101) % 250) + 2}`;
}

/** An address of a home somewhere: those who take part in a distributed guess. */
export function bot(random: Random): string {
  return `198.19.${random.whole(0, 255)}.${random.whole(1, 254)}`;
}

/** One of many addresses of one IPv6 network. */
export function inNetwork(random: Random): string {
  const group = (): string => random.whole(1, 0xffff).toString(16);
  return `2001:db8:bad:7:${group()}:${group()}:${group()}:${group()}`;
}
