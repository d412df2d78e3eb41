/** Reads the TCP connections of this network namespace from /proc/self/net, which needs no privilege: proc(5), proc_net_tcp in the kernel's documentation. */
import { closeSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { sourceOf } from '../../service/ip-network.ts';

/** One TCP connection that a process holds. */
export interface KernelConnection {
  /** The other side, in one form for all spellings of an address. */
  readonly ip: string;
  readonly port: number;
  readonly localPort: number;
  /** False while it is being closed. */
  readonly isEstablished: boolean;
}

/** The connections at one moment. */
export interface KernelConnections {
  readonly connections: readonly KernelConnection[];
  /** How many are established, those that no process has accepted yet among them. */
  readonly established: number;
  /** False where one is being opened or closed by a process, or waits to be accepted. */
  readonly isSettled: boolean;
}

export const FOLDER = '/proc/self/net';
const ESTABLISHED = '01';
/** Listening sockets, and what is left of connections that are over. */
const NO_CONNECTION: ReadonlySet<string> = new Set(['0A', '06', '07']);
/** Where no process holds one, the kernel alone closes it, and no process ever holds it again: FIN_WAIT1, FIN_WAIT2, LAST_ACK, CLOSING. */
const CLOSING: ReadonlySet<string> = new Set(['04', '05', '09', '0B']);
const IPV6_BITS = 128;
/** What is read at once: some 400 connections, a few milliseconds. */
const PIECE_BYTES = 65_536;
const isLittleEndian = endianness() === 'LE';

/** Reads them all, of IPv4 and IPv6. Null where the kernel does not say. */
export async function readConnections(folder = FOLDER): Promise<KernelConnections | null> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readTable(`${folder}/${name}`)));
  // A kernel without IPv6 has no table of it. Where there is one that cannot be read, its connections would seem to be over.
  if (tables[0] === 'none' || tables.includes(null)) return null;
  const lists = tables.filter((table) => table !== null && table !== 'none');
  return {
    connections: lists.flatMap(({ connections }) => connections),
    established: lists.reduce((sum, { established }) => sum + established, 0),
    isSettled: lists.every(({ isSettled }) => isSettled),
  };
}

/**
 * Reads a table; `none` where there is none, null where it cannot be read. Not in another thread: the kernel gives a page with each call, and to have each brought from
 * there takes more than the reading itself. Between two pieces other work has its turn: 100,000 connections take a second. No piece is
 * kept: on an idle agent the garbage of a whole table would be most of its memory.
 */
async function readTable(path: string): Promise<KernelConnections | 'none' | null> {
  let fd: number | null = null;
  try {
    fd = openSync(path, 'r');
    const bytes = Buffer.allocUnsafe(PIECE_BYTES);
    const table = new Table();
    for (let end = bytes.length, isFirst = true; end === bytes.length; isFirst = false) {
      if (!isFirst) await setImmediate();
      end = 0;
      for (let got = -1; got !== 0 && end < bytes.length; end += got)
        got = readSync(fd, bytes, end, bytes.length - end, null);
      table.add(bytes.toString('latin1', 0, end));
    }
    return table;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'none' : null;
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/**
 * The connections in a table, which is added in pieces. Those that no process holds yet (waiting to be accepted), or any more, are left
 * out: their inode is 0.
 */
export class Table implements KernelConnections {
  readonly connections: KernelConnection[] = [];
  established = 0;
  isSettled = true;
  /** The end of a piece, without a line feed. */
  #partial = '';

  add(piece: string): void {
    const text = this.#partial + piece;
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      this.#take(text, start, end);
      start = end + 1;
    }
    this.#partial = text.slice(start);
  }

  #take(text: string, start: number, end: number): void {
    // Most lines of a busy host are of connections that are over: of them only the state is looked at.
    const state = stateOf(text, start, end);
    if (state === null || NO_CONNECTION.has(state)) return;
    if (state === ESTABLISHED) this.established += 1;
    const [, local = '', remote = '', , , , , , , inode = '0'] = text.slice(start, end).trim().split(/\s+/);
    const isHeld = inode !== '0';
    if (isHeld ? state !== ESTABLISHED : !CLOSING.has(state)) this.isSettled = false;
    if (!isHeld) return;
    const [address = '', port = ''] = remote.split(':');
    const ip = addressIn(address);
    if (ip === null) return;
    const localPort = Number.parseInt(local.slice(local.indexOf(':') + 1), 16);
    this.connections.push({ ip, port: Number.parseInt(port, 16), localPort, isEstablished: state === ESTABLISHED });
  }
}

/** The state in a line `NUMBER: ADDRESS:PORT ADDRESS:PORT STATE ...`, whose two addresses have one width; null in the head of a table. */
function stateOf(text: string, start: number, end: number): string | null {
  const local = text.indexOf(': ', start) + 2;
  const remote = text.indexOf(' ', local) + 1;
  const state = remote + (remote - local);
  if (local < 2 || remote === 0 || state + 2 > end) return null;
  return text.slice(state, state + 2);
}

/** Reads an address: words of 32 bits, each in the byte order of the machine. */
function addressIn(hex: string): string | null {
  const words = hex.match(/[\dA-F]{8}/g) ?? [];
  const bytes = words.flatMap((word) => {
    const each = (word.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
    return isLittleEndian ? each.reverse() : each;
  });
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return null;
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return canonicalAddress(groups.join(':'));
}

/** Gives an address in one form for all its spellings, without its scope; one of IPv4 inside IPv6 is of IPv4. Null for what is none. */
export const canonicalAddress = (address: string | null): string | null => sourceOf(address, IPV6_BITS);
