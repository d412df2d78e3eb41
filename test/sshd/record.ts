/**
 * Records test/fixtures/recorded anew, from this machine's sshd: NAME.log is the log, NAME.ndjson what `scan` prints of it. Only
 * logs in which exactly what was done was found are written. Needs root, on a machine that has what host.ts needs.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scanLine } from '../../alphaclient/commands/event-lines.ts';
import { lacking } from '../e2e/machine.ts';
import { assertDone } from './deeds.ts';
import { hostNeeds } from './host.ts';
import { keyOnlyRecordings } from './key-only.ts';
import { readRecording, run } from './run.ts';
import { sshdVersion } from './server.ts';

const FOLDER = join(import.meta.dirname, '..', 'fixtures', 'recorded');

const lack = lacking('recording', hostNeeds());
if (lack) throw new Error(lack);
mkdirSync(FOLDER, { recursive: true });
/** Writes a recording and what `scan` prints of it. */
function write(name: string, bytes: Buffer): void {
  const { sightings, reader } = readRecording(bytes, Date.now());
  assert.deepEqual(reader.shapes(), []);
  writeFileSync(join(FOLDER, `${name}.log`), bytes);
  const events = [...sightings].sort((a, b) => a.line - b.line);
  const lines = events.map((located) => scanLine(located));
  writeFileSync(join(FOLDER, `${name}.ndjson`), `${lines.join('\n')}\n`);
}

const version = `openssh-${sshdVersion().toFixed(1)}`;
for (const { name, bytes } of await keyOnlyRecordings()) write(`${version}-keys-alone-${name}-iso`, bytes);
if (process.argv.includes('--keys-alone')) process.exit();
for (const level of ['INFO', 'VERBOSE'] as const)
  for (const raw of [true, false]) {
    const { deeds, recordings } = await run(level, raw);
    for (const { form, bytes } of recordings) {
      assertDone(deeds, readRecording(bytes, Date.now()).sightings, raw, bytes.toString('latin1'));
      write(`${version}-${level.toLowerCase()}-${form}`, bytes);
    }
  }
