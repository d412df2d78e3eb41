/** A real sshd with accounts and PAM, its own log, syslog's and the journal: what was done is what the reader finds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertDone } from '../sshd/deeds.ts';
import { hostNeeds } from '../sshd/host.ts';
import { readRecording, run } from '../sshd/run.ts';
import { lacking } from './machine.ts';

describe('an sshd with accounts', { skip: lacking('an sshd with accounts', hostNeeds()) }, () => {
  for (const level of ['INFO', 'VERBOSE'] as const)
    for (const raw of [true, false])
      it(`at LogLevel ${level} tells ${raw ? 'its own log' : 'syslog and journal'} of every way to come to it`, async (t) => {
        const { deeds, recordings } = await run(level, raw);
        for (const { form, bytes } of recordings)
          await t.test(form, () => {
            const { sightings, reader } = readRecording(bytes, Date.now());
            assertDone(deeds, sightings, raw, bytes.toString('latin1'));
            assert.deepEqual(reader.shapes(), []);
            // One client's name holds a whole line of sshd: sshd's own log has it in three messages, syslog and journal escape it.
            assert.equal(reader.counts().forged, raw ? 3 : 0);
          });
      });
});
