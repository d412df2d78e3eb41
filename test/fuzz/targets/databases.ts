/** Stores and outboxes whose files are damaged: a disk lost or changed some bytes. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OutboxError } from '../../../alphaclient/outbox/database.ts';
import { OUTBOX_FILE } from '../../../alphaclient/outbox/outbox.ts';
import { openStateFolder } from '../../../alphaclient/outbox/recovery.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { EVENTS_FILE } from '../../../alphaserver/store/folder.ts';
import { StoreError } from '../../../alphaserver/store/store.ts';
import type { Target } from '../fuzz.ts';

const folder = mkdtempSync(join(tmpdir(), 'fuzz-databases-'));
const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
const event = {
  at: '2026-11-23T19:46:01.123Z',
  outcome: 'failed',
  method: 'password',
  user: 'u',
  ip: '192.0.2.1',
} as const;
const batch = (seq: number) => ({
  agent: AGENT,
  host: 'h',
  events: [{ seq, event: { ...event, invalidUser: null, port: 1, host: null } }],
});
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Makes a folder with one file in it. */
function folderWith(name: string, file: string, content: Buffer): string {
  const path = join(folder, name);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { mode: 0o700 });
  writeFileSync(join(path, file), content);
  return path;
}

let whole: Promise<{ readonly store: Buffer; readonly outbox: Buffer }> | null = null;

/** Makes a store and an outbox that are well. */
async function made(): Promise<{ readonly store: Buffer; readonly outbox: Buffer }> {
  const storeFolder = join(folder, 'whole');
  const store = new EventStore(storeFolder);
  for (let seq = 1; seq <= 50; seq++) await store.append([batch(seq)], 1_795_000_000_000 + seq);
  await store.close();
  const state = join(folder, 'state');
  mkdirSync(state, { mode: 0o700 });
  openStateFolder(state, silent as never, 0).close();
  return { store: readFileSync(join(storeFolder, EVENTS_FILE)), outbox: readFileSync(join(state, OUTBOX_FILE)) };
}

/** Changes a file as an input says: each three bytes are a place, in 65,536ths of the file, and a value; an odd first byte also cuts it there. */
function damaged(file: Buffer, input: Buffer): Buffer {
  const changed = Buffer.from(file);
  let last = 0;
  for (let at = 0; at + 2 < input.length; at += 3) {
    last = Math.floor((input.readUInt16BE(at) / 65_536) * changed.length);
    changed[last] = input[at + 2] ?? 0;
  }
  return (input[0] ?? 0) % 8 === 1 ? changed.subarray(0, last) : changed;
}

/** A store that cannot be used says so in one sentence, and one that can takes events; an agent goes on with a new outbox. */
export const databases: Target = {
  name: 'databases',
  seeds: [
    Buffer.from([0, 0, 0]),
    Buffer.from([0, 99, 7, 1, 2, 3]),
    Buffer.from([128, 0, 255]),
    Buffer.alloc(300, 0xa7),
  ],
  async run(input) {
    whole ??= made();
    const { store, outbox } = await whole;
    const came = await tryStore(folderWith('store', EVENTS_FILE, damaged(store, input)));
    try {
      openStateFolder(folderWith('agent', OUTBOX_FILE, damaged(outbox, input)), silent as never, 0).close();
      return [came, 'opened'];
    } catch (error) {
      if (!(error instanceof OutboxError)) throw error;
      return [came, error.message];
    }
  },
  close: () => rmSync(folder, { recursive: true }),
};

/** Opens a store and appends to it; returns what came of it. */
async function tryStore(path: string): Promise<string> {
  let store: EventStore;
  try {
    store = new EventStore(path);
  } catch (error) {
    if (/^The store in \S+ (?:is damaged|cannot be used)/.test((error as Error).message))
      return (error as Error).message;
    throw error;
  }
  try {
    await store.append([batch(51)], 1_795_000_001_000);
    return 'stored';
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return `${error.code} ${error.message}`;
  } finally {
    await store.close();
  }
}
