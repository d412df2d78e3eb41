/** All scenarios played to an sshd on a host of its own, and the logs that came of it. */
import { readFileSync } from 'node:fs';
import { JournalSource } from '../../alphaclient/log/journal-source.ts';
import type { LocatedEvent } from '../../alphaclient/sshd/events.ts';
import { Reader } from '../../alphaclient/sshd/reader.ts';
import { ACCOUNT_SCENARIOS, ACCOUNTS_CONFIG, ACCOUNTS_MATCH } from './accounts.ts';
import type { Deed } from './deeds.ts';
import { FORMS, Host } from './host.ts';
import { play, SCENARIOS } from './scenarios.ts';
import { SshdServer, sshdVersion } from './server.ts';

/** One log of a run. */
export interface Recording {
  /** The kind of log, such as `rfc3164`. */
  readonly form: string;
  readonly bytes: Buffer;
  /** True for sshd's own file, which escapes less. */
  readonly raw: boolean;
}

/** One run: what was done, and the logs that tell of it. */
export interface Run {
  readonly deeds: readonly Deed[];
  readonly recordings: readonly Recording[];
}

/** Plays all scenarios once for sshd's own log (`raw`), or once for all that syslog and journal make of them. */
export async function run(level: 'INFO' | 'VERBOSE', raw: boolean): Promise<Run> {
  const host = new Host();
  let sshd: SshdServer | null = null;
  try {
    sshd = await SshdServer.start({
      ...{ level, config: ACCOUNTS_CONFIG, match: ACCOUNTS_MATCH, within: host.within },
      ...(raw ? {} : { logFile: host.logFile('iso') }),
    });
    const scene = { sshd, user: 'alice', level, version: sshdVersion(), pam: true };
    const deeds = await play([...ACCOUNT_SCENARIOS, ...SCENARIOS], scene);
    await sshd.stop();
    if (raw) return { deeds, recordings: [{ form: 'raw', bytes: readFileSync(sshd.logFile), raw }] };
    await host.written();
    const files = FORMS.map((form): Recording => {
      return { form, bytes: readFileSync(host.logFile(form)), raw };
    });
    const journal: Recording = { form: 'journal', bytes: await readJournal(host), raw };
    return { deeds, recordings: [...files, journal] };
  } finally {
    sshd?.remove();
    host.remove();
  }
}

/** The host's journal, read as the agent reads it. */
async function readJournal(host: Host): Promise<Buffer> {
  const log = { info: fail, warn: fail, error: fail };
  const source = new JournalSource({ position: null, from: 'start', log, command: host.journalctl });
  const pieces: Uint8Array[] = [];
  try {
    while (!pieces.some((piece) => Buffer.from(piece).includes('Received signal 15; terminating.')))
      pieces.push((await source.next())?.bytes ?? fail('the journal ended'));
  } finally {
    source.close();
  }
  return Buffer.concat(pieces);
}

function fail(text: string): never {
  throw new Error(text);
}

/** The events in a recording. `writtenMs` is when it was made: logs without a year hang on it. */
export function readRecording(bytes: Buffer, writtenMs: number): { sightings: LocatedEvent[]; reader: Reader } {
  const reader = new Reader();
  const sightings = reader.read(bytes, { writtenMs, nowMs: writtenMs, timeZone: 'UTC' });
  return { sightings: [...sightings, ...reader.end()], reader };
}
