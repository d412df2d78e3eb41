/** The hosts of a log that collects more of them than are kept: none has another's name, connections or events. */
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HOSTS_LIMIT, HostIndex, ROOM_HOSTS } from '../../../alphaclient/sshd/host-index.ts';
import { type ReadContext, Reader, type ReaderState } from '../../../alphaclient/sshd/reader.ts';
import { Chance } from '../../sshd/chance.ts';
import { SessionOutbox } from './session-outbox.ts';

const START_MS = Date.UTC(2026, 10, 20, 10);
const CONTEXT: ReadContext = { writtenMs: START_MS + 86_400_000, nowMs: START_MS, timeZone: 'UTC' };
const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);
const IGNORED = 'Server listening on 0.0.0.0 port 22.';
const PEER = '192.0.2.10 port 50022';

/** Writes lines, each a millisecond after the one before. */
class Lines {
  #ms = START_MS;

  line(host: string, message: string, pid = 100): string {
    this.#ms += 1;
    return `${new Date(this.#ms).toISOString()} ${host} sshd[${pid}]: ${message}\n`;
  }

  /** A failed attempt on each of so many hosts, with names that no other call gives. */
  hosts(from: number, count: number): string {
    return Array.from({ length: count }, (_, i) =>
      this.line(`h${from + i}`, `Failed password for root from 198.51.100.7 port 40000 ssh2`, from + i),
    ).join('');
  }
}

/** Fills an index with hosts of which nothing is remembered. */
const filled = (lines: Lines, from = 1, count = HOSTS_LIMIT - 1): string =>
  names(from, count)
    .map((host) => lines.line(host, IGNORED))
    .join('');
const hostsOf = (events: readonly { event: { host?: string | null } }[]) => events.map(({ event }) => event.host);
const names = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => `h${from + i}`);

describe('the index of hosts', () => {
  it('gives a number without a use to a new name once it is full, and has no more names than HOSTS_LIMIT', () => {
    const hosts = new HostIndex(() => [2]);
    for (let i = 1; i < HOSTS_LIMIT; i++) equal(hosts.number(`h${i}`), i);
    deepEqual([hosts.number('first'), hosts.number('second'), hosts.number('h2')], [1, 3, 2]);
    deepEqual([hosts.name(0), hosts.name(1), hosts.name(2), hosts.name(3)], [null, 'first', 'h2', 'second']);
    for (let i = 0; i < 3 * HOSTS_LIMIT; i++) hosts.number(`other${i}`);
    deepEqual([hosts.save().length, hosts.name(2)], [HOSTS_LIMIT - 1, 'h2']);
  });

  it('has room for ROOM_HOSTS beyond those in use', () => {
    const all = Array.from({ length: 3 * HOSTS_LIMIT }, (_, i) => i + 1);
    const hosts = new HostIndex(() => all);
    for (const number of all) equal(hosts.number(`h${number}`), number);
    all.length = 2 * HOSTS_LIMIT;
    for (let i = 0; i < 3 * HOSTS_LIMIT; i++) hosts.number(`other${i}`);
    for (const number of all) equal(hosts.name(number), `h${number}`);
    equal(hosts.save().length < 3 * HOSTS_LIMIT + ROOM_HOSTS, true);
  });

  it('keeps the numbers of a damaged list', () => {
    const hosts = new HostIndex();
    hosts.restore(['a', 7, '', 'b', 'a']);
    deepEqual([hosts.number('b'), hosts.name(2), hosts.number('c')], [4, null, 6]);
  });
});

describe('a log of more hosts than are kept', () => {
  it('has each event under the name of its own host', () => {
    const count = 3 * HOSTS_LIMIT;
    const reader = new Reader();
    const events = reader.read(Buffer.from(new Lines().hosts(1, count)), CONTEXT);
    deepEqual(hostsOf(events), names(1, count));
  });

  it('has two connections where two hosts beyond the limit have the same pid, peer and message', () => {
    const lines = new Lines();
    const reader = new Reader();
    reader.read(Buffer.from(lines.hosts(1, HOSTS_LIMIT)), CONTEXT);
    const text = ['web', 'db'].map((host) => lines.line(host, `Connection from ${PEER} on 192.0.2.1 port 22`)).join('');
    const ends = ['web', 'db'].map((host) => lines.line(host, `Connection closed by ${PEER} [preauth]`)).join('');
    const events = reader.read(Buffer.from(text + ends), CONTEXT);
    deepEqual(hostsOf([...events, ...reader.end()]), ['web', 'db']);
  });

  it('takes no line of a host for the copy of one whose number it could get', () => {
    const reader = new Reader();
    const log = filled(new Lines());
    const same = (host: string): string =>
      `2026-11-20T11:00:00.000001+00:00 ${host} sshd[9]: drop connection #10 from [192.0.2.10]:50022 on [192.0.2.1]:22 past MaxStartups\n`;
    // The first hosts, whose numbers are the first to be given away, and as many new ones.
    const hosts = [...names(1, 30), ...names(HOSTS_LIMIT, 30)];
    const events = reader.read(Buffer.from(log + hosts.map(same).join('')), CONTEXT);
    deepEqual(hostsOf(events), hosts);
  });

  it('completes no repeated message by that of a host whose number it could get', () => {
    const lines = new Lines();
    const reader = new Reader();
    const failed = lines.line('h1', `Failed password for root from ${PEER} ssh2`, 9);
    equal(reader.read(Buffer.from(filled(lines) + failed), CONTEXT).length, 1);
    reader.expire(START_MS + 86_400_000);
    const repeated = lines.line('web', 'message repeated 2 times: [ Failed password for root from 192.0.2.10 po]', 9);
    equal(reader.read(Buffer.from(filled(lines, 2, 100) + repeated), CONTEXT).length, 0);
    equal(reader.counts().unknown, 1);
  });

  it('keeps the name and the connections of a host while one of them is open, over restarts', () => {
    const lines = new Lines();
    const outbox = new SessionOutbox();
    let reader = outbox.reader();
    const read = (text: string) => {
      const events = reader.read(Buffer.from(text), CONTEXT);
      reader = outbox.restart(reader);
      return hostsOf(events);
    };
    read(lines.line('login', `Accepted password for alice from ${PEER} ssh2`));
    read(lines.line('open', `Connection from ${PEER} on 192.0.2.1 port 22`));
    read(lines.line('other', `Failed password for root from ${PEER} ssh2`));
    for (let from = 1; from < 3 * HOSTS_LIMIT; from += HOSTS_LIMIT)
      deepEqual(read(filled(lines, from, HOSTS_LIMIT)), []);
    deepEqual(read(lines.line('open', `Connection closed by ${PEER} [preauth]`)), ['open']);
    deepEqual(read(lines.line('login', `Disconnected from user alice ${PEER}`)), []);
    deepEqual(hostsOf(reader.end()), []);
    deepEqual(
      outbox.ends.map(({ host, session }) => [host, session]),
      [['login', 1]],
    );
  });

  it('keeps all names that connections refer to, however many, and goes on after a restart', () => {
    const count = HOSTS_LIMIT + 2 * ROOM_HOSTS;
    const lines = new Lines();
    const all = (message: string): string =>
      names(1, count)
        .map((host) => lines.line(host, message))
        .join('');
    let reader = new Reader();
    reader.read(Buffer.from(all(`Connection from ${PEER} on 192.0.2.1 port 22`)), CONTEXT);
    reader = new Reader(JSON.parse(JSON.stringify(reader.save())) as ReaderState);
    const events = reader.read(Buffer.from(all(`Connection closed by ${PEER} [preauth]`)), CONTEXT);
    deepEqual(hostsOf(events), names(1, count));
    equal(reader.end().length, 0);
  });

  it('goes on from a state of a version that knew no more hosts than the limit', () => {
    const lines = new Lines();
    const reader = new Reader({ version: 2, lines: 4_095, hosts: names(1, HOSTS_LIMIT - 1) });
    const events = reader.read(Buffer.from(lines.hosts(HOSTS_LIMIT - 5, 10)), CONTEXT);
    deepEqual(hostsOf(events), names(HOSTS_LIMIT - 5, 10));
  });

  it('read in random order, with restarts, gives of each host what its lines alone give', () => {
    const chance = new Chance(SEED);
    const lines = new Lines();
    const hosts = names(1, 3 * HOSTS_LIMIT);
    const ofHost = new Map<string, string>();
    const often = hosts.slice(0, 50);
    const outbox = new SessionOutbox();
    let reader = outbox.reader();
    const got: string[] = [];
    const note = (into: string[], events: ReturnType<Reader['read']>): void => {
      for (const { event } of events) into.push(JSON.stringify(event));
    };
    const messages = [
      `Connection from ${PEER} on 192.0.2.1 port 22`,
      `Failed password for root from ${PEER} ssh2`,
      `Accepted password for root from ${PEER} ssh2`,
      `Connection closed by ${PEER} [preauth]`,
      `Disconnected from user root ${PEER}`,
    ];
    // Most hosts are heard of without a connection, so that their numbers are given to others.
    const rare = [...messages, ...Array<string>(25).fill(IGNORED)];
    for (let piece = 0; piece < 20; piece++) {
      let text = '';
      for (let i = 0; i < 1_000; i++) {
        // A few hosts come again and again, so that some connections see others come and go.
        const isOften = chance.below(4) === 0;
        const host = chance.one(isOften ? often : hosts);
        const line = lines.line(host, chance.one(isOften ? messages : rare), 1 + chance.below(2));
        ofHost.set(host, (ofHost.get(host) ?? '') + line);
        text += line;
      }
      note(got, reader.read(Buffer.from(text), CONTEXT));
      if (piece % 5 === 4) reader = outbox.restart(reader);
    }
    note(got, reader.end());
    const expected: string[] = [];
    for (const text of ofHost.values()) {
      const alone = new SessionOutbox().reader();
      note(expected, alone.read(Buffer.from(text), CONTEXT));
      note(expected, alone.end());
    }
    deepEqual(got.sort(), expected.sort(), `SEED=${SEED}`);
  });
});
