/**
 * A large auth.log, the same each time: guessing at known and unknown users, logins, scanners, twelve connections at once, and
 * what other programs write. Three in ten lines are attempts.
 */

import { closeSync, openSync, writeSync } from 'node:fs';

const UNKNOWN = [
  'admin',
  'test',
  'oracle',
  'ubuntu',
  'postgres',
  'ftpuser',
  'pi',
  'git',
  'deploy',
  'user1',
  '',
  'x from 203.0.113.9 port 1',
];
const KNOWN = ['root', 'root', 'root', 'www-data', 'mysql', 'alice', 'bob', 'carol'];
const AT_ONCE = 12;
/** One line in this many is another program's. */
const OTHERS = 10;
const START_MS = Date.UTC(2026, 9, 1);
const LINES_A_SECOND = 20;

/** Numbers below `below`, the same for the same seed (xorshift32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function ended(random: (below: number) => number, kind: string, user: string, peer: string): string[] {
  const who = `${kind} user ${user} ${peer}`;
  switch (random(4)) {
    case 0:
      return [`Received disconnect from ${peer}:11: Bye Bye [preauth]`, `Disconnected from ${who} [preauth]`];
    case 1:
      return [`Connection reset by ${who} [preauth]`];
    default:
      return [`Connection closed by ${who} [preauth]`];
  }
}

/** Lines of other programs in auth.log. */
function other(random: (below: number) => number): string {
  const pid = 1_000 + random(60_000);
  switch (random(4)) {
    case 0:
      return `CRON[${pid}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)`;
    case 1:
      return `CRON[${pid}]: pam_unix(cron:session): session closed for user root`;
    case 2:
      return `systemd-logind[612]: New session ${random(90_000)} of user alice.`;
    default:
      return 'sudo:    alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/bin/apt update';
  }
}

/** Most unknown names that are tried are of a list, some with a number behind. */
function unknown(random: (below: number) => number): string {
  const name = UNKNOWN[random(UNKNOWN.length)] as string;
  return random(3) === 0 && name !== '' ? `${name}${random(100)}` : name;
}

/** The messages of one connection, in order. */
function connection(random: (below: number) => number): string[] {
  const ip = random(30) === 0 ? `2001:db8::${random(65_536).toString(16)}` : `198.18.${random(64)}.${1 + random(254)}`;
  const peer = `${ip} port ${1_024 + random(60_000)}`;
  const failure = `pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=${ip} `;
  const kind = random(100);
  if (kind < 40) {
    const user = KNOWN[random(KNOWN.length)] as string;
    const tries = 1 + random(5);
    const tail =
      tries > 1
        ? [
            `PAM ${tries - 1} more authentication failure${tries > 2 ? 's' : ''}; logname= uid=0 euid=0 tty=ssh ruser= rhost=${ip}  user=${user}`,
          ]
        : [];
    return [
      `${failure} user=${user}`,
      ...Array<string>(tries).fill(`Failed password for ${user} from ${peer} ssh2`),
      ...ended(random, 'authenticating', user, peer),
      ...tail,
    ];
  }
  if (kind < 80) {
    const user = unknown(random);
    const lines = [`Invalid user ${user} from ${peer}`, 'pam_unix(sshd:auth): check pass; user unknown', failure];
    for (let tries = random(2); tries >= 0; tries--)
      lines.push(`Failed password for invalid user ${user} from ${peer} ssh2`);
    return [...lines, ...ended(random, 'invalid', user, peer)];
  }
  if (kind < 92)
    return [
      `Accepted publickey for alice from ${peer} ssh2: ED25519 SHA256:AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExample1`,
      'pam_unix(sshd:session): session opened for user alice(uid=1000) by (uid=0)',
      `Received disconnect from ${peer}:11: disconnected by user`,
      `Disconnected from user alice ${peer}`,
      'pam_unix(sshd:session): session closed for user alice',
    ];
  if (kind < 96)
    return ['error: kex_exchange_identification: Connection closed by remote host', `Connection closed by ${peer}`];
  return [
    `Unable to negotiate with ${peer}: no matching key exchange method found. Their offer: diffie-hellman-group1-sha1 [preauth]`,
  ];
}

/** Writes `lines` lines of a host to `path`, as rsyslog does by default on older systems. */
export function writeAuthLog(path: string, lines: number, seed = 1, host = 'web-01'): void {
  const random = numbers(seed);
  const open: { readonly pid: number; readonly messages: string[] }[] = [];
  const file = openSync(path, 'w');
  let pid = 1_000;
  let text = '';
  for (let line = 0; line < lines; line++) {
    while (open.length < AT_ONCE) {
      pid = pid > 4_000_000 ? 1_000 : pid + 1 + random(7);
      open.push({ pid, messages: connection(random).reverse() });
    }
    const time = new Date(START_MS + Math.floor(line / LINES_A_SECOND) * 1_000);
    const stamp = `${time.toUTCString().slice(8, 11)} ${String(time.getUTCDate()).padStart(2)} ${time.toISOString().slice(11, 19)}`;
    if (random(OTHERS) === 0) text += `${stamp} ${host} ${other(random)}\n`;
    else {
      const at = random(AT_ONCE);
      const one = open[at] as (typeof open)[number];
      text += `${stamp} ${host} sshd[${one.pid}]: ${one.messages.pop()}\n`;
      if (one.messages.length === 0) open.splice(at, 1);
    }
    if (text.length > 1_000_000) {
      writeSync(file, text);
      text = '';
    }
  }
  writeSync(file, text);
  closeSync(file);
}
