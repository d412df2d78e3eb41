/** Random logs of one client with many connections at once, by keyboard-interactive at VERBOSE: each attempt and probe once, with its port. */

import { deepEqual } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Reader } from '../../../alphaclient/sshd/reader.ts';
import { Chance } from '../../sshd/chance.ts';

const NOW = Date.UTC(2026, 10, 24, 12);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);
const LOGS = 150;
const CONNECTIONS = 12;
const ADDRESS = '192.0.2.10';

type Line = readonly [pid: number, message: string];
/** Lines that sshd writes one right after the other. */
type Step = readonly Line[];

/** What one connection writes, and what it comes to. */
function connectionOf(chance: Chance, n: number): { steps: Step[]; truths: string[] } {
  const pid = 1_000 + 10 * n;
  const port = 40_000 + n;
  const user = chance.one(['root', 'bob', 'test']);
  const isValid = user !== 'test';
  const peer = `${ADDRESS} port ${port}`;
  const who = `${isValid ? '' : 'invalid user '}${user}`;
  const steps: Step[] = [[[pid, `Connection from ${peer} on 192.0.2.1 port 22 rdomain ""`]]];
  const truths: string[] = [];
  if (!isValid) steps.push([[pid, `Invalid user ${user} from ${peer}`]]);
  /** A helper of its own asks PAM, whose modules write under its pid. */
  const ask = (helper: number, isRight: boolean): void => {
    const rest = `; logname= uid=0 euid=0 tty=ssh ruser= rhost=${ADDRESS} ${isValid ? ` user=${user}` : ''}`;
    steps.push([[pid, `Postponed keyboard-interactive for ${who} from ${peer} ssh2 [preauth]`]]);
    steps.push([[helper, `pam_unix(sshd:auth): authentication failure${rest}`]]);
    if (isRight) steps.push([[helper, `pam_sss(sshd:auth): authentication success${rest}`]]);
  };
  const failures = chance.below(4);
  for (let i = 0; i < failures; i++) {
    ask(pid + 2 + i, false);
    const reason = isValid
      ? 'Authentication failure for'
      : 'User not known to the underlying authentication module for illegal user';
    steps.push([
      [pid, `error: PAM: ${reason} ${user} from ${ADDRESS}`],
      [pid, `Failed keyboard-interactive/pam for ${who} from ${peer} ssh2`],
    ]);
    truths.push(`failed ${user} ${port}`);
  }
  if (isValid && chance.below(3) === 0) {
    ask(pid + 2 + failures, true);
    steps.push([[pid, `Accepted keyboard-interactive/pam for ${user} from ${peer} ssh2`]]);
    truths.push(`accepted ${user} ${port}`);
  } else {
    steps.push([
      [pid, `Connection closed by ${isValid ? 'authenticating' : 'invalid'} user ${user} ${peer} [preauth]`],
    ]);
    if (failures === 0) truths.push(`probe ${user} ${port}`);
  }
  return { steps, truths };
}

/** The lines of all in an order in which each of them may have written. */
function mixed(chance: Chance, queues: readonly Step[][]): Line[] {
  const lines: Line[] = [];
  for (
    let left = queues.filter((queue) => queue.length > 0);
    left.length > 0;
    left = left.filter(({ length }) => length > 0)
  )
    lines.push(...(chance.one(left).shift() ?? []));
  return lines;
}

const FORMS: Readonly<Record<string, (lines: readonly Line[]) => string>> = {
  'with pids': (lines) => lines.map(([pid, message]) => `Nov 20 10:00:00 web sshd[${pid}]: ${message}\n`).join(''),
  // There PAM's lines are elsewhere, and sshd leaves `error: ` out.
  'without pids': (lines) =>
    lines
      .filter(([, message]) => !message.startsWith('pam_'))
      .map(([, message]) => `${message.replace('error: ', '')}\r\n`)
      .join(''),
};

describe('parallel connections of one client', () => {
  for (const [form, write] of Object.entries(FORMS))
    it(`${form}: each attempt and probe is one event with its port (SEED=${SEED})`, () => {
      for (let seed = SEED; seed < SEED + LOGS; seed++) {
        const chance = new Chance(seed);
        const connections = Array.from({ length: CONNECTIONS }, (_, n) => connectionOf(chance, n));
        const text = write(
          mixed(
            chance,
            connections.map(({ steps }) => [...steps]),
          ),
        );
        const reader = new Reader();
        const located = [
          ...reader.read(Buffer.from(text), { writtenMs: NOW, nowMs: NOW, timeZone: 'UTC' }),
          ...reader.end(),
        ];
        const found = located.map(({ event: { outcome, user, port } }) => `${outcome} ${user} ${port}`);
        deepEqual(found.sort(), connections.flatMap(({ truths }) => truths).sort(), `SEED=${seed}\n${text}`);
      }
    });
});
