/** Lines of a log, and entries of the journal as journalctl prints them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EventHosts } from '../../../alphaclient/event-host.ts';
import { JournalRecords } from '../../../alphaclient/log/journal-records.ts';
import { type ReadContext, Reader } from '../../../alphaclient/sshd/reader.ts';
import { eventFault } from '../../../protocol/read-event.ts';
import type { Target, Traits } from '../fuzz.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures/sshd');
const CONTEXT: ReadContext = { writtenMs: 1_795_000_000_000, nowMs: 1_795_000_000_000, timeZone: 'UTC' };
const HEADER = 'Nov 23 19:46:01 box sshd[4711]: ';

/** The state of one log of so many is saved and restored in its middle: that takes longer than to read it. */
const SAVED_OF = 4;

/** Reads a log to its end. The server must take each event that comes of it. */
function read(bytes: Buffer): Traits {
  const isSaved = bytes.length % SAVED_OF === 0;
  const half = isSaved ? bytes.indexOf(0x0a, bytes.length >> 1) + 1 : bytes.length;
  const first = new Reader();
  const events = [...first.read(bytes.subarray(0, half), CONTEXT)];
  const second = isSaved ? new Reader(JSON.parse(JSON.stringify(first.save()))) : first;
  events.push(
    ...second.read(bytes.subarray(half), CONTEXT),
    ...second.expire(CONTEXT.nowMs + 1_000_000),
    ...second.end(),
  );
  const hosts = new EventHosts('here', null);
  hosts.observe(events.map(({ event }) => event.host ?? null));
  for (const { event, pid, trust } of events) {
    const host = hosts.hostOf(event.host ?? null);
    const fault = eventFault({ ...event, pid, trust, host, at: event.at ?? '2026-11-23T19:46:01.123Z' });
    if (fault !== null) throw new Error(`the server would refuse ${JSON.stringify(event).slice(0, 300)}: ${fault}`);
  }
  return events.map(({ event: { outcome, method, reason, key }, trust }) =>
    [outcome, trust, method ?? null, reason ?? null, (key ?? null) === null].join(' '),
  );
}

/** A seed has so many lines: a whole log would take a hundred times as long for each input that is made of it. */
const SEED_LINES = 6;

const samples = readdirSync(FIXTURES)
  .filter((name) => name.endsWith('.log'))
  .flatMap((name) => {
    const lines = readFileSync(join(FIXTURES, name), 'latin1').split(/(?<=\n)/);
    const starts = lines.keys().filter((at) => at % SEED_LINES === 0);
    return [...starts].map((at) => Buffer.from(lines.slice(at, at + SEED_LINES).join(''), 'latin1'));
  });

/** Logs of sshd. */
export const logLines: Target = {
  name: 'log-lines',
  seeds: [
    ...samples,
    `${HEADER}message repeated 5 times: [ Failed password for root from 192.0.2.1 port 1 ssh2]\n`,
    '<38>1 2026-11-23T19:46:01.123Z box sshd 7 - - Accepted password for a from 192.0.2.1 port 1 ssh2\n',
    '{"log":"Failed password for b from 192.0.2.1 port 1 ssh2\\n","stream":"stderr","time":"2026-11-23T19:46:01Z"}\n',
  ],
  run: (input) => read(Buffer.concat([input, Buffer.from('\n')])),
};

const entry = (message: unknown, more: object = {}): string =>
  `${JSON.stringify({
    __CURSOR: 's=1;i=2;b=3;m=4;t=5;x=6',
    __REALTIME_TIMESTAMP: '1795000000000000',
    _TRANSPORT: 'syslog',
    _COMM: 'sshd',
    _UID: '0',
    _PID: '77',
    _HOSTNAME: 'box',
    SYSLOG_IDENTIFIER: 'sshd',
    MESSAGE: message,
    ...more,
  })}\n`;

/** Objects of the journal. */
export const journalObjects: Target = {
  name: 'journal-objects',
  seeds: [
    entry('Failed password for root from 192.0.2.1 port 1 ssh2'),
    entry([70, 97, 105, 108, 101, 100, 0, 255]),
    entry(null, { _TRANSPORT: 'stdout' }),
    entry('Suppressed 5 messages from ssh.service', { MESSAGE_ID: 'a596d6fe7bfa4994828e72309e95d61e' }),
  ],
  run(input) {
    const records = new JournalRecords(null);
    const { bytes } = records.push(Buffer.concat([input, Buffer.from('\n')]));
    return read(Buffer.from(bytes));
  },
};
