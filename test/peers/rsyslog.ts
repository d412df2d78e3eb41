import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Wire } from '../chaos/wire.ts';
import { freePort } from '../free-port.ts';
import type { Peer } from './peer.ts';

/** The configuration of the receiver. */
const receiver = (folder: string, port: number): string => `
global(workDirectory="${folder}/receiver" net.enableDNS="off")
module(load="imrelp")
template(name="line" type="string" string="%msg:2:$%\\n")
input(type="imrelp" port="${port}" address="127.0.0.1" ruleset="keep")
ruleset(name="keep") { action(type="omfile" file="${folder}/arrived.log" template="line" sync="on") }
`;

/**
 * What the sender reads by: the settings that rsyslog's documentation names for keeping the most. The position in the log is
 * kept after each line, once it is in the queue; the queue is on the disk beside memory, synced, and kept over a shutdown;
 * every message is acknowledged (RELP) and tried for ever; a truncated file is read anew.
 */
const sender = (folder: string, port: number): string => `
global(workDirectory="${folder}/sender" net.enableDNS="off")
module(load="imfile" mode="inotify")
module(load="omrelp")
input(type="imfile" file="${folder}/sshd.log" tag="sshd:" ruleset="send" reopenOnTruncate="on"
  persistStateInterval="1" persistStateAfterSubmission="on")
ruleset(name="send" queue.type="LinkedList" queue.filename="send" queue.size="100000" queue.workerThreads="1"
  queue.checkpointInterval="1" queue.syncQueueFiles="on" queue.saveOnShutdown="on") {
  action(type="omrelp" target="127.0.0.1" port="${port}" action.resumeRetryCount="-1" action.resumeInterval="1")
}
`;

/** rsyslog with RELP: `imfile` to `omrelp`, `imrelp` to `omfile`. */
export class Rsyslog implements Peer {
  readonly name = 'rsyslog';
  readonly #folder = mkdtempSync(join(tmpdir(), 'rsyslog-'));
  readonly #wire: Wire;
  readonly #running = new Map<'sender' | 'receiver', ChildProcess>();

  private constructor(port: number, wire: Wire) {
    this.#wire = wire;
    for (const one of ['sender', 'receiver']) mkdirSync(join(this.#folder, one));
    writeFileSync(join(this.#folder, 'receiver.conf'), receiver(this.#folder, port));
    writeFileSync(join(this.#folder, 'sender.conf'), sender(this.#folder, wire.port));
  }

  static async make(): Promise<Rsyslog> {
    const port = await freePort();
    const wire = new Wire(port);
    await wire.open();
    return new Rsyslog(port, wire);
  }

  /** Which one it is, such as `rsyslogd  8.2302.0`. Throws where there is none. */
  static version(): string {
    return /^\S+\s+\S+/.exec(execFileSync('rsyslogd', ['-v'], { encoding: 'utf8' }))?.[0] ?? 'unknown';
  }

  get logFile(): string {
    return join(this.#folder, 'sshd.log');
  }

  async #start(which: 'sender' | 'receiver'): Promise<void> {
    const pidFile = join(this.#folder, `${which}.pid`);
    // What a killed one leaves behind would keep the next one from starting.
    rmSync(pidFile, { force: true });
    const args = ['-n', '-f', join(this.#folder, `${which}.conf`), '-i', pidFile];
    this.#running.set(which, spawn('rsyslogd', args, { stdio: 'ignore' }));
  }

  async #kill(which: 'sender' | 'receiver'): Promise<void> {
    const child = this.#running.get(which);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once('close', done));
    child.kill('SIGKILL');
    await gone;
  }

  startReceiver(): Promise<void> {
    return this.#start('receiver');
  }
  killReceiver(): Promise<void> {
    return this.#kill('receiver');
  }
  startSender(): Promise<void> {
    return this.#start('sender');
  }
  killSender(): Promise<void> {
    return this.#kill('sender');
  }

  cut(): void {
    this.#wire.cut(false);
  }

  async arrived(): Promise<string[]> {
    const file = join(this.#folder, 'arrived.log');
    if (!existsSync(file)) return [];
    return [...readFileSync(file, 'utf8').matchAll(/ password for (\S+) from /g)].map(([, user]) => user as string);
  }

  async close(): Promise<void> {
    this.#wire.close();
    await this.#kill('sender');
    await this.#kill('receiver');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
