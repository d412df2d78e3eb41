/** A real sshd is logged in to in every way there is; our reader must find in its log what was done, and no more. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { LocatedEvent } from '../../../alphaclient/sshd/events.ts';
import { Reader } from '../../../alphaclient/sshd/reader.ts';
import { assertDone } from '../../sshd/deeds.ts';
import { play, SCENARIOS } from '../../sshd/scenarios.ts';
import { SshdServer, sshdLacking, sshdVersion } from '../../sshd/server.ts';

function read(path: string): { sightings: LocatedEvent[]; reader: Reader } {
  const reader = new Reader();
  const context = { writtenMs: statSync(path).mtimeMs, nowMs: Date.now() };
  const sightings = reader.read(readFileSync(path), context);
  return { sightings: [...sightings, ...reader.end()], reader };
}

describe('an sshd of our own', { skip: sshdLacking(), concurrency: true }, () => {
  for (const level of ['INFO', 'VERBOSE'] as const) {
    it(`at LogLevel ${level} tells of every way to come to it`, async (t) => {
      const sshd = await SshdServer.start({ level });
      t.after(() => sshd.remove());
      const deeds = await play(SCENARIOS, { sshd, user: sshd.user, level, version: sshdVersion(), pam: false });
      await sshd.stop();
      const { sightings, reader } = read(sshd.logFile);
      assertDone(deeds, sightings, true, sshd.log());
      assert.deepEqual(reader.shapes(), []);
    });
  }
});
