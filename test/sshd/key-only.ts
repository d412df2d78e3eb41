/** An sshd that takes keys alone, at its default log level: guessed at, and used by somebody whose client has many keys. */
import { readFileSync } from 'node:fs';
import { Client, Key } from './client.ts';
import { Host } from './host.ts';
import { expect } from './scenarios.ts';
import { SshdServer } from './server.ts';

/** Settings of sshd besides the usual ones. */
const KEYS_ALONE = ['PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'MaxAuthTries 6'];
const GUESSES = 40;
/** Keys that a client offers before the right one. */
const OTHER_KEYS = 5;
const LOGINS = 12;

/** What happened, and sshd's log of it by way of syslog. */
export interface KeyOnlyRecording {
  readonly name: 'guessed' | 'many-keys';
  readonly bytes: Buffer;
}

async function guesses({ port }: SshdServer): Promise<void> {
  for (let i = 0; i < GUESSES; i += 1) {
    const client = await Client.ready(port, '127.0.1.1');
    expect('failure', await client.key('root', new Key()));
    await client.disconnect('done');
  }
}

async function logsIn({ port, key }: SshdServer): Promise<void> {
  for (let i = 0; i < LOGINS; i += 1) {
    const client = await Client.ready(port, '127.0.1.2');
    for (let other = 0; other < OTHER_KEYS; other += 1) expect('failure', await client.key('alice', new Key()));
    expect('success', await client.key('alice', key));
    await client.disconnect('done');
  }
}

/** Records both, each on a host of its own. */
export async function keyOnlyRecordings(): Promise<KeyOnlyRecording[]> {
  const ways = { guessed: guesses, 'many-keys': logsIn } as const;
  const recordings: KeyOnlyRecording[] = [];
  for (const name of ['guessed', 'many-keys'] as const) recordings.push({ name, bytes: await recorded(ways[name]) });
  return recordings;
}

async function recorded(way: (sshd: SshdServer) => Promise<void>): Promise<Buffer> {
  const host = new Host();
  let sshd: SshdServer | null = null;
  try {
    const logFile = host.logFile('iso');
    sshd = await SshdServer.start({ level: 'INFO', config: KEYS_ALONE, within: host.within, logFile });
    await way(sshd);
    await sshd.stop();
    await host.written();
    return readFileSync(logFile);
  } finally {
    sshd?.remove();
    host.remove();
  }
}
