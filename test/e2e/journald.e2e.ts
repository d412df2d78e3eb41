/** A real systemd-journald and a real sshd: its journal is read exactly over rotation, vacuum and restarts of the reader. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { JournalSource } from '../../alphaclient/log/journal-source.ts';
import type { Chunk, LogPosition } from '../../alphaclient/log/source.ts';
import type { LocatedEvent } from '../../alphaclient/sshd/events.ts';
import { Reader } from '../../alphaclient/sshd/reader.ts';
import { ACCOUNTS_CONFIG } from '../sshd/accounts.ts';
import { Client } from '../sshd/client.ts';
import { Host, hostNeeds } from '../sshd/host.ts';
import { SshdServer } from '../sshd/server.ts';
import { lacking } from './machine.ts';

const ROUNDS = 6;
const DEADLINE_MS = 60_000;
const SAYS_NOTHING = { info: () => {}, warn: () => {}, error: () => {} };

/** The state that outlives a restart of the agent. */
interface Saved {
  position: LogPosition | null;
  reader: Reader;
  readonly sightings: LocatedEvent[];
  readonly gaps: unknown[];
}

/** Takes the journal up where it was left, and follows it until `enough`. */
async function follow(host: Host, saved: Saved, enough: () => boolean): Promise<void> {
  saved.reader = new Reader(JSON.parse(JSON.stringify(saved.reader.save())));
  const { position } = saved;
  const source = new JournalSource({ position, from: 'start', log: SAYS_NOTHING, command: host.journalctl });
  const deadline = setTimeout(() => source.close(), DEADLINE_MS);
  try {
    while (!enough()) {
      const chunk: Chunk | null = await source.next();
      assert.ok(chunk, `read before the deadline: ${saved.sightings.length} events`);
      saved.sightings.push(...saved.reader.read(chunk.bytes, { writtenMs: Date.now(), nowMs: Date.now() }));
      saved.gaps.push(...(chunk.gaps ?? []));
      saved.position = chunk.position;
    }
  } finally {
    clearTimeout(deadline);
    source.close();
  }
}

describe('a real journald', { skip: lacking('a real journald', hostNeeds()) }, () => {
  it('is read exactly over rotation, vacuum and restarts; what others write under its name is not counted', async (t) => {
    const host = new Host();
    t.after(() => host.remove());
    const logFile = host.logFile('iso');
    const sshd = await SshdServer.start({ level: 'INFO', config: ACCOUNTS_CONFIG, within: host.within, logFile });
    t.after(() => sshd.remove());
    const journald = readFileSync(join(host.folder, 'journald.pid'), 'utf8').trim();
    const saved: Saved = { position: null, reader: new Reader(), sightings: [], gaps: [] };
    const ports: number[] = [];
    const attempt = async (): Promise<void> => {
      const client = await Client.ready(sshd.port, '127.0.0.1');
      await client.password('alice', `wrong ${ports.length}`);
      ports.push(client.port);
      await client.close();
    };
    for (let round = 0; round < ROUNDS; round++) {
      await attempt();
      // journald.service(8): SIGUSR2 asks for rotation at once.
      process.kill(Number(journald), 'SIGUSR2');
      await attempt();
      const forged = 'Accepted password for root from 192.0.2.9 port 22 ssh2';
      // As a user of the host, who may write to /dev/log, and is gone before journald looks at what program it was.
      const user = ['setpriv', '--reuid=65534', '--clear-groups'];
      execFileSync('nsenter', ['--mount', '--target', journald, ...user, 'logger', '--tag', 'sshd', forged]);
      await follow(host, saved, () => saved.sightings.length >= ports.length && saved.reader.counts().forged > round);
      if (round % 2 === 1)
        execFileSync('journalctl', [...host.journalctl.slice(1), '--vacuum-files=1'], { stdio: 'ignore' });
    }
    assert.deepEqual(
      saved.sightings.map(({ event }) => [event.outcome, event.user, event.port]),
      ports.map((port) => ['failed', 'alice', port]),
    );
    assert.equal(saved.reader.counts().forged, ROUNDS);
    assert.deepEqual(saved.reader.shapes(), []);
    assert.deepEqual(saved.gaps, []);
  });
});
