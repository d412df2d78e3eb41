/** Recordings of real sshds with the truth about them; they lie beside the checkout where they are at all. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { LocatedEvent } from '../../../alphaclient/sshd/events.ts';
import { Reader } from '../../../alphaclient/sshd/reader.ts';
import { asShown } from '../../sshd/deeds.ts';
import { SessionOutbox } from './session-outbox.ts';

interface Truth {
  readonly outcome: 'accepted' | 'failed' | 'probe' | 'partial';
  readonly method?: string;
  /** As sent; bytes that are no UTF-8 as lone surrogates, `\udcXX`. Null where the client sent none that is logged. */
  readonly user: string | null;
  readonly userLogged: string | null;
  readonly ip: string;
  readonly port: number;
  readonly invalidUser?: boolean;
  readonly logged: boolean;
  readonly portLogged?: boolean;
}

const root = join(import.meta.dirname, '..', '..', '..');
const folder = ['..', '../..']
  .map((up) => join(root, up, 'shared', 'corpus', 'recorded'))
  .find((path) => existsSync(path));
const CONTEXT = { writtenMs: Date.UTC(2026, 10, 24), nowMs: Date.UTC(2026, 10, 24), timeZone: 'UTC' };

function truthOf(path: string, name: string): Truth[] {
  const [, run = '', form = ''] =
    /^(openssh-[\d.]+-[a-z]+)-(.+?)(?:-rfc3164|-journal)?\.(?:log|json)$/.exec(name) ?? [];
  const text = readFileSync(join(path, `${run}-${form === 'iso' ? 'syslog' : form}.truth.ndjson`), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Truth);
}

/** Reads a log at once, or torn into pieces of whole lines with a restart between any two. */
function read(bytes: Buffer, piece: number): LocatedEvent[] {
  const outbox = new SessionOutbox();
  let reader = outbox.reader();
  const all: LocatedEvent[] = [];
  for (let from = 0; from < bytes.length; ) {
    let end = from;
    for (let lines = 0; lines < piece && end < bytes.length; lines++) {
      const lf = bytes.indexOf(10, end);
      end = lf < 0 ? bytes.length : lf + 1;
    }
    all.push(...reader.read(bytes.subarray(from, end), CONTEXT));
    reader = outbox.restart(reader);
    from = end;
  }
  all.push(...reader.end());
  return all;
}

/** The name that an event is to have. */
function nameOf({ user, userLogged }: Truth, raw: boolean): string | null {
  if (user === null || userLogged === null) return null;
  const bytes = Array.from(user, (character) => {
    const code = character.charCodeAt(0);
    return code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code - 0xdc00) : Buffer.from(character);
  });
  return asShown(Buffer.concat(bytes), raw);
}

/** True where the recording cannot say the port: `PAM:` lines, and since 9.8 the listener's word on a timeout. */
function hasNoPort(truth: Truth, log: string): boolean {
  return truth.portLogged === false || (!log.includes(`port ${truth.port}`) && !log.includes(`]:${truth.port}`));
}

function differences(
  truths: readonly Truth[],
  events: readonly LocatedEvent[],
  log: string,
  raw: boolean,
): { missing: unknown[]; extra: unknown[] } {
  const left = events.map(({ event, line }) => ({ ...event, line }));
  const missing: unknown[] = [];
  for (const truth of truths.filter((one) => one.logged && one.outcome !== 'partial')) {
    const at = left.findIndex(
      (event) =>
        event.outcome === truth.outcome &&
        event.user === nameOf(truth, raw) &&
        event.ip === truth.ip &&
        (event.port === truth.port || (event.port === null && hasNoPort(truth, log))) &&
        (truth.outcome === 'probe' || (event.method === truth.method && event.invalidUser === truth.invalidUser)),
    );
    if (at < 0) missing.push(truth);
    else left.splice(at, 1);
  }
  // A connection of which only silent refusals are true shows as a probe, or by what is left of them.
  const silent = truths.filter((one) => !one.logged);
  const extra = left.filter((event) => {
    const at = silent.findIndex((one) => one.ip === event.ip && one.port === event.port);
    if (at < 0 || event.outcome === 'accepted') return true;
    silent.splice(at, 1);
    return false;
  });
  return { missing, extra };
}

describe('recordings of real sshds', { skip: folder === undefined ? 'no corpus beside this checkout' : false }, () => {
  const path = folder ?? '';
  const names = folder === undefined ? [] : readdirSync(path).filter((name) => /\.(?:log|json)$/.test(name));
  for (const name of names.filter((one) => !one.includes('-forged'))) {
    it(`${name}: every attempt and probe, and nothing else`, () => {
      const bytes = readFileSync(join(path, name));
      const truths = truthOf(path, name);
      const log = bytes.toString('latin1');
      const found = differences(truths, read(bytes, Number.POSITIVE_INFINITY), log, name.includes('-raw'));
      deepEqual(found, { missing: [], extra: [] });
    });
    it(`${name}: the same with a restart after every line, and after every seventh`, () => {
      const bytes = readFileSync(join(path, name));
      const whole = read(bytes, Number.POSITIVE_INFINITY);
      deepEqual(read(bytes, 1), whole);
      deepEqual(read(bytes, 7), whole);
    });
    it(`${name}: no line is unknown, and lines count as forged where the client tried to write some`, () => {
      const reader = new Reader();
      reader.read(readFileSync(join(path, name)), CONTEXT);
      deepEqual(reader.shapes(), []);
      equal(reader.counts().forged > 0, name.includes('-raw-newline'));
    });
  }
  for (const name of names.filter((one) => one.includes('-forged'))) {
    it(`${name}: what was not forged is all there`, () => {
      const bytes = readFileSync(join(path, name));
      const events = read(bytes, Number.POSITIVE_INFINITY);
      for (const truth of truthOf(path, name).filter((one) => !one.userLogged?.includes('\n')))
        ok(
          events.some(
            ({ event }) =>
              event.outcome === truth.outcome && event.user === nameOf(truth, true) && event.port === truth.port,
          ),
          JSON.stringify(truth),
        );
    });
  }
  it('converted to bare line feeds the raw recordings say the same', () => {
    for (const name of names.filter((one) => /-(?:info|verbose)-raw\.log$/.test(one))) {
      const bytes = readFileSync(join(path, name));
      const bare = Buffer.from(bytes.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
      deepEqual(read(bare, Number.POSITIVE_INFINITY), read(bytes, Number.POSITIVE_INFINITY));
    }
  });
});
