/** A whole log from its file to the disk of the receiver: our two programs, and rsyslog with RELP on the same file. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';

const LIMIT_MS = 120_000;
/** Messages that RELP may have unacknowledged: more make it no faster. */
const RELP_WINDOW = 20_000;

/** Lines a second of so many, of which some are attempts, the agent's start included. The server runs already, and all of its threads with it. */
export async function ourRate(text: string, lines: number, attempts: number): Promise<number> {
  const pair = await Pair.make();
  try {
    writeFileSync(pair.logFile, text);
    const server = await pair.serving();
    const begun = performance.now();
    pair.agent();
    await until(
      () => server.output.includes(`had ${attempts} attempt`),
      () => server.output.slice(-500),
      LIMIT_MS,
    );
    return (lines / (performance.now() - begun)) * 1_000;
  } finally {
    await pair.close();
  }
}

const receiver = (folder: string, port: number): string => `
global(workDirectory="${folder}/receiver" net.enableDNS="off")
module(load="imrelp")
template(name="line" type="string" string="%msg:2:$%\\n")
input(type="imrelp" port="${port}" address="127.0.0.1" ruleset="keep")
ruleset(name="keep") { action(type="omfile" file="${folder}/arrived.log" template="line") }
`;

/** In order, over one connection; nothing is synced to the disk on either side. */
const sender = (folder: string, port: number): string => `
global(workDirectory="${folder}/sender" net.enableDNS="off")
module(load="imfile" mode="inotify")
module(load="omrelp")
input(type="imfile" file="${folder}/sshd.log" tag="sshd:" ruleset="send")
ruleset(name="send" queue.type="FixedArray" queue.size="100000" queue.workerThreads="1" queue.dequeueBatchSize="1024") {
  action(type="omrelp" target="127.0.0.1" port="${port}" windowSize="${RELP_WINDOW}" action.resumeRetryCount="-1")
}
`;

/** True where rsyslogd is there. Its modules for RELP are a package of their own: without them nothing arrives. */
export function hasRsyslog(): boolean {
  try {
    execFileSync('rsyslogd', ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Lines a second of the same by rsyslog, the sender's start included, until the last line is in the receiver's file. */
export async function relpRate(text: string, lines: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'rsyslog-'));
  const port = await freePort();
  const running: ChildProcess[] = [];
  const start = (which: string, config: string): void => {
    mkdirSync(join(folder, which));
    const file = join(folder, `${which}.conf`);
    writeFileSync(file, config);
    running.push(spawn('rsyslogd', ['-n', '-f', file, '-i', join(folder, `${which}.pid`)], { stdio: 'ignore' }));
  };
  try {
    writeFileSync(join(folder, 'sshd.log'), text);
    start('receiver', receiver(folder, port));
    await new Promise((started) => setTimeout(started, 1_000));
    const begun = performance.now();
    start('sender', sender(folder, port));
    const arrivedBytes = (): number => statSync(join(folder, 'arrived.log'), { throwIfNoEntry: false })?.size ?? 0;
    // The same text but for carriage returns, which rsyslog may escape.
    const least = text.length - 2 * lines;
    await until(
      () => arrivedBytes() >= least,
      () => `${arrivedBytes()} of ${least} bytes`,
      LIMIT_MS,
    );
    return (lines / (performance.now() - begun)) * 1_000;
  } finally {
    for (const child of running) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}
