/**
 * `npm run peers`: the same faults for this project and for rsyslog with RELP, one after the other, and what each of them loses
 * and doubles. Needs Debian's rsyslog and rsyslog-relp.
 */
import { appendFileSync, copyFileSync, existsSync, renameSync, truncateSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Asgard } from './asgard.ts';
import type { Peer } from './peer.ts';
import { Rsyslog } from './rsyslog.ts';

/** Faults in one run, and the lines written before and after each: one about every 2 ms. */
const FAULTS = 5;
const LINES_BETWEEN = 100;
/** Nothing more is waited for once nothing has arrived for so long. */
const STILL_MS = 12_000;
const LIMIT_MS = 90_000;

/** Writes numbered lines to a log, and rotates it. */
class Log {
  readonly #file: string;
  written = 0;
  constructor(file: string) {
    this.#file = file;
  }
  async lines(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      this.written += 1;
      appendFileSync(
        this.#file,
        `Failed password for u${this.written} from 192.0.2.7 port ${1_024 + this.written} ssh2\n`,
      );
      await pause(1);
    }
  }
  #shift(): void {
    for (let n = FAULTS + 1; n > 0; n -= 1)
      if (existsSync(`${this.#file}.${n}`)) renameSync(`${this.#file}.${n}`, `${this.#file}.${n + 1}`);
  }
  rename(): void {
    this.#shift();
    renameSync(this.#file, `${this.#file}.1`);
    appendFileSync(this.#file, '');
  }
  copyAndTruncate(): void {
    this.#shift();
    copyFileSync(this.#file, `${this.#file}.1`);
    truncateSync(this.#file);
  }
}

/** One run: the fault itself, with lines written while it lasts. */
const RUNS: Record<string, (peer: Peer, log: Log) => Promise<void>> = {
  'nothing happens': async () => {},
  'receiver killed, back after 0.3 s': async (peer, log) => {
    await peer.killReceiver();
    await log.lines(20);
    await pause(300);
    await peer.startReceiver();
  },
  'sender killed, back after 0.3 s': async (peer, log) => {
    await peer.killSender();
    await log.lines(20);
    await pause(300);
    await peer.startSender();
  },
  'connection cut': async (peer) => peer.cut(),
  'log renamed and made anew': async (_peer, log) => log.rename(),
  'log copied and truncated': async (_peer, log) => log.copyAndTruncate(),
  'log renamed while the sender is down': async (peer, log) => {
    await peer.killSender();
    await log.lines(20);
    log.rename();
    await log.lines(20);
    await peer.startSender();
  },
};

interface Result {
  readonly written: number;
  readonly lost: number;
  readonly doubled: number;
}

async function outcome(peer: Peer, written: number): Promise<Result> {
  const begun = Date.now();
  let arrived = await peer.arrived();
  let still = Date.now();
  while (Date.now() - still < STILL_MS && Date.now() - begun < LIMIT_MS) {
    await pause(250);
    const now = await peer.arrived();
    if (now.length !== arrived.length) still = Date.now();
    // All is there: a short while more for what would come twice.
    else if (new Set(now).size === written && Date.now() - still > 3_000) break;
    arrived = now;
  }
  const different = new Set(arrived).size;
  return { written, lost: written - different, doubled: arrived.length - different };
}

/** Waits until lines written from now on arrive: a fault that meets a program before it is up again would show little. */
async function delivering(peer: Peer, log: Log): Promise<void> {
  const from = log.written;
  for (const begun = Date.now(); Date.now() - begun < 30_000; await pause(100)) {
    await log.lines(1);
    if ((await peer.arrived()).some((user) => Number(user.slice(1)) > from)) return;
  }
  throw new Error(`${peer.name} delivers nothing`);
}

async function run(make: () => Promise<Peer>, fault: (peer: Peer, log: Log) => Promise<void>): Promise<Result> {
  const peer = await make();
  try {
    const log = new Log(peer.logFile);
    await peer.startReceiver();
    await log.lines(1);
    await peer.startSender();
    for (let i = 0; i < FAULTS; i += 1) {
      await delivering(peer, log);
      await log.lines(LINES_BETWEEN);
      await fault(peer, log);
    }
    await log.lines(LINES_BETWEEN);
    return await outcome(peer, log.written);
  } finally {
    await peer.close();
  }
}

const shown = ({ written, lost, doubled }: Result): string => `${written}: ${lost} lost, ${doubled} doubled`;

console.log(`${Rsyslog.version()}; ${FAULTS} faults a run\n`);
console.log(`${'fault'.padEnd(40)} ${'Asgard'.padEnd(32)} rsyslog`);
let wrong = false;
for (const [name, fault] of Object.entries(RUNS)) {
  const ours = await run(() => Asgard.make(), fault);
  const theirs = await run(() => Rsyslog.make(), fault);
  wrong ||= ours.lost + ours.doubled > 0;
  console.log(`${name.padEnd(40)} ${shown(ours).padEnd(32)} ${shown(theirs)}`);
}
process.exit(wrong ? 1 : 0);
