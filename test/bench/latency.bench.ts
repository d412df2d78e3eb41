/** Where the time of one line goes on its way from the log to `Processed result`: each stage alone, and all of them at once. */
import { appendFileSync, closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSource } from '../../alphaclient/log/file-source.ts';
import { Outbox } from '../../alphaclient/outbox/outbox.ts';
import { ConnectionChanges } from '../../alphaclient/sshd/connection-changes.ts';
import type { LocatedEvent } from '../../alphaclient/sshd/events.ts';
import { Reader } from '../../alphaclient/sshd/reader.ts';
import { openReader } from '../../alphaserver/queries/snapshot.ts';
import { factIn } from '../../alphaserver/rollups/schema.ts';
import { openStorage } from '../../alphaserver/storage.ts';
import type { SequencedEvent } from '../../alphaserver/store/store.ts';
import type { LoginEvent } from '../../protocol/event.ts';
import { LineFramer } from '../../protocol/framing.ts';
import { encodeBody, encodeEvent, LINE_LIMIT_BYTES, readAgentMessage } from '../../protocol/messages.ts';
import { createLogger } from '../../service/logger.ts';
import { until } from '../until.ts';
import { latencies } from './end-to-end.bench.ts';
import { type BenchRow, number, quantile } from './figures.ts';

const LINES = 1_000;
/** Before them as many that are not counted: code that never ran is slow. */
const WARM_UP = 300;
/** Batches of so many events, for what one costs among many, and as many before them that are not counted. */
const BATCHES = 20;
const WARM_UP_BATCHES = 20;
const BATCH_EVENTS = 1_000;
const HOST = 'bench';
const AGENT = '5f0c1f6e-9d0b-4c57-8a25-0d8f3f6a7c21';
/** What one commit of one event writes to a write-ahead log: some pages with their headers. */
const COMMITTED_BYTES = 4 * 4_120;

/** One attempt as sshd logs it, with the line that ends its connection. */
const lines = (i: number): string =>
  `Failed password for root from 192.0.2.${i % 250} port ${1_024 + i} ssh2\nConnection closed by authenticating user root 192.0.2.${i % 250} port ${1_024 + i} [preauth]\n`;

const quiet = (): void => {};
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

/** How long a stage takes of one line, microseconds each time; and its processor time an event where many come at once. */
interface Took {
  readonly tookUs: readonly number[];
  readonly eventNs?: number;
}

/** A stage: its limit is its share of 1.5 ms, in microseconds. */
interface Stage extends Took {
  readonly name: string;
  readonly limitUs: number;
}

/** Runs the same work for each line, and times it; not what is to be done between two lines. */
async function timed(work: (i: number) => void | Promise<void>, between = quiet): Promise<number[]> {
  const tookUs: number[] = [];
  for (let i = 0; i < WARM_UP + LINES; i += 1) {
    between();
    const begun = performance.now();
    await work(i);
    if (i >= WARM_UP) tookUs.push((performance.now() - begun) * 1_000);
  }
  return tookUs;
}

/** Processor time of this process for an event, nanoseconds, in batches; `work` gets the number of the batch's first one. */
async function costNs(work: (first: number) => void | Promise<void>): Promise<number> {
  let begun = process.cpuUsage();
  for (let batch = 0; batch < WARM_UP_BATCHES + BATCHES; batch += 1) {
    if (batch === WARM_UP_BATCHES) begun = process.cpuUsage();
    await work(batch * BATCH_EVENTS);
  }
  const { user, system } = process.cpuUsage(begun);
  return ((user + system) * 1_000) / (BATCHES * BATCH_EVENTS);
}

const batchOf = <T>(first: number, make: (i: number) => T): T[] =>
  Array.from({ length: BATCH_EVENTS }, (_, i) => make(first + i));

/** From the write of the line to its bytes: the watch wakes the agent, which looks at the file and reads. */
async function woken(folder: string): Promise<Took> {
  const path = join(folder, 'sshd.log');
  writeFileSync(path, lines(0));
  const source = new FileSource({ path, from: 'start', position: null, log });
  await source.next();
  const tookUs: number[] = [];
  for (let i = 0; i < WARM_UP + LINES; i += 1) {
    const chunk = source.next();
    // So that it waits for the watch when the line is written.
    await new Promise((later) => setTimeout(later, 2));
    const begun = performance.now();
    appendFileSync(path, lines(i));
    await chunk;
    if (i >= WARM_UP) tookUs.push((performance.now() - begun) * 1_000);
  }
  source.close();
  return { tookUs };
}

async function parsed(): Promise<Took & { events: LoginEvent[] }> {
  const connections = new ConnectionChanges();
  const reader = new Reader(null, null, null, null, { listener: connections, saved: [] });
  const located: LocatedEvent[] = [];
  const tookUs = await timed((i) => {
    const nowMs = Date.now();
    located.push(...reader.read(Buffer.from(lines(i)), { writtenMs: nowMs, nowMs }));
    reader.save();
    connections.take();
  });
  const eventNs = await costNs((first) => {
    const nowMs = Date.now();
    reader.read(Buffer.from(batchOf(first, lines).join('')), { writtenMs: nowMs, nowMs });
  });
  const at = new Date().toISOString();
  return { tookUs, eventNs, events: located.map(({ event }) => ({ ...event, at, host: HOST })) };
}

async function committed(folder: string, events: readonly LoginEvent[]): Promise<Took> {
  const outbox = new Outbox(join(folder, 'agent'));
  const reader = new Reader();
  const one = (i: number): LoginEvent => events[i % events.length] as LoginEvent;
  const commit = (some: LoginEvent[]): void => {
    const seq = outbox.lastSeq;
    const state = { log: '/x', position: {}, reader: { reader: reader.save() }, gaps: [], atMs: 0 };
    outbox.commit({ ...state, events: some }, true);
    for (const { seq: number, body } of outbox.after(seq, some.length)) encodeEvent(number, body);
    outbox.acknowledge(seq);
  };
  // As the agent does once a second: the log would outgrow its spare room otherwise.
  const tookUs = await timed(
    (i) => commit([one(i)]),
    () => outbox.compact(),
  );
  const eventNs = await costNs((first) => commit(batchOf(first, one)));
  outbox.close();
  return { tookUs, eventNs };
}

/** One way over the loopback, as half of the way there and back. */
async function sent(events: readonly LoginEvent[]): Promise<Took> {
  const server = createServer({ noDelay: true }, (socket) => socket.pipe(socket));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as { port: number };
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const line = encodeEvent(1, encodeBody(events[0] as LoginEvent));
  const tookUs = await timed(async () => {
    const back = new Promise((heard) => socket.once('data', heard));
    socket.write(line);
    await back;
  });
  socket.destroy();
  server.close();
  return { tookUs: tookUs.map((us) => us / 2) };
}

async function checked(events: readonly LoginEvent[]): Promise<Took> {
  const framer = new LineFramer(LINE_LIMIT_BYTES);
  const line = (i: number): string => encodeEvent(i + 1, encodeBody(events[i % events.length] as LoginEvent));
  const check = (text: string): void => {
    for (const frame of framer.feed(Buffer.from(text))) if ('line' in frame) readAgentMessage(frame.line);
  };
  const sentLines = batchOf(0, line);
  const all = sentLines.join('');
  const tookUs = await timed((i) => check(sentLines[i % BATCH_EVENTS] as string));
  return { tookUs, eventNs: await costNs(() => check(all)) };
}

async function stored(folder: string, events: readonly LoginEvent[]): Promise<Took> {
  const store = openStorage(join(folder, 'server'));
  const one = (i: number): SequencedEvent => ({
    seq: i + 1,
    event: events[i % events.length] as SequencedEvent['event'],
  });
  const append = async (some: SequencedEvent[]): Promise<void> => {
    await store.append([{ agent: AGENT, host: HOST, events: some }], Date.now());
  };
  // The rollup thread's time is in it: it reads each event and counts it.
  const eventNs = await costNs((first) => append(batchOf(first, one)));
  // It is started by now, and has nothing left to do.
  const made = (WARM_UP_BATCHES + BATCHES) * BATCH_EVENTS;
  const reader = openReader(join(folder, 'server'));
  await until(() => made - factIn(reader, 'rolledTo') < BATCH_EVENTS);
  reader.close();
  const tookUs = await timed((i) => append([one(made + i)]));
  await store.close();
  return { tookUs, eventNs };
}

async function logged(): Promise<Took> {
  const logger = createLogger({ level: 'info', format: 'plain', to: { write: quiet } });
  const tookUs = await timed((attempts) =>
    logger.info(`Processed result: ${HOST} had ${attempts} attempt of ssh session`, { host: HOST, attempts }),
  );
  return { tookUs };
}

/** The disk's part of each of the two commits: pages written over in a file, and fsync. */
async function disk(folder: string): Promise<number[]> {
  const file = openSync(join(folder, 'disk'), 'w');
  writeSync(file, Buffer.alloc(COMMITTED_BYTES * (WARM_UP + LINES)));
  fsyncSync(file);
  const bytes = Buffer.alloc(COMMITTED_BYTES, 1);
  const tookUs = await timed((i) => {
    writeSync(file, bytes, 0, bytes.length, i * COMMITTED_BYTES);
    fsyncSync(file);
  });
  closeSync(file);
  return tookUs;
}

const us = (value: number): string => `${value.toFixed(0)} us`;

/** The rows of this benchmark. */
export async function run(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-latency-'));
  const diskUs = await disk(folder);
  const { events, ...parsing } = await parsed();
  const stages: Stage[] = [
    { name: 'the watch wakes the agent, which reads', limitUs: 250, ...(await woken(folder)) },
    { name: 'lines parsed, state of the reader', limitUs: 60, ...parsing },
    { name: 'outbox committed, to the disk', limitUs: 450, ...(await committed(folder, events)) },
    { name: 'sent over the loopback', limitUs: 120, ...(await sent(events)) },
    { name: 'framed and checked by the server', limitUs: 40, ...(await checked(events)) },
    { name: 'stored, to the disk', limitUs: 500, ...(await stored(folder, events)) },
    { name: 'log line written', limitUs: 30, ...(await logged()) },
  ];
  rmSync(folder, { recursive: true });
  const all = (await latencies()).map((ms) => ms * 1_000);
  const sum = stages.reduce((total, { tookUs }) => total + quantile(tookUs, 0.5), 0);
  const rest = quantile(all, 0.5) - sum;
  return [
    ...stages.map(({ name, limitUs, tookUs, eventNs }) => ({
      name: `latency: ${name}`,
      value: us(quantile(tookUs, 0.5)),
      note: `median; p99 ${us(quantile(tookUs, 0.99))}; limit ${us(limitUs)}${eventNs === undefined ? '' : `; ${number(eventNs)} ns an event among many`}`,
    })),
    {
      name: 'latency: pages written and synced, twice of the above',
      value: us(quantile(diskUs, 0.5)),
      note: `median; p99 ${us(quantile(diskUs, 0.99))}: the disk alone`,
    },
    {
      name: 'latency: log line written to Processed result',
      value: us(quantile(all, 0.5)),
      note: `median; p99 ${us(quantile(all, 0.99))}; ${us(sum)} in stages, ${us(rest)} between them`,
    },
  ];
}
