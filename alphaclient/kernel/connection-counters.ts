/**
 * Leaves out reading the kernel's tables of connections while its counters show that none was opened or ended since they were read.
 * For each of the two tables the kernel walks all buckets of its hash table, 5 ms where they are 262,144; the counters take some 20 us.
 */
import { readFileSync } from 'node:fs';
import { FOLDER, type KernelConnection, type KernelConnections, readConnections } from './connections.ts';

/**
 * The tables are read again after this time, whatever the counters say. Linux since 6.11 counts a connection as established until the
 * process closes it, also when the other side has (CLOSE_WAIT): of one that no session explains the tables are read each time, of the
 * others it changes nothing. What a checkpoint of a process puts back (TCP_REPAIR) is counted as neither opened nor accepted.
 */
export const WHOLE_LOOK_EVERY_MS = 60_000;
/** Of more connections than these the tables are read each time: the list of them takes memory, some 100 bytes each. */
export const KEPT_LIMIT_CONNECTIONS = 10_000;
/**
 * Counters of RFC 4022: connections that were opened by this side, and by the other, those that were reset, and how many there are.
 * The kernel has them for each network namespace, for IPv4 and IPv6 together.
 */
const OPENED = ['ActiveOpens', 'PassiveOpens', 'EstabResets'];
const ESTABLISHED = 'CurrEstab';

interface Counters {
  readonly opened: string;
  readonly established: number;
}

/** Reads the counters; null where the kernel does not say them all. */
function readCounters(folder: string): Counters | null {
  let text: string;
  try {
    text = readFileSync(`${folder}/snmp`, 'latin1');
  } catch {
    return null;
  }
  // A line of names, and a line of values in the same order.
  const [names = [], values = []] = text
    .split('\n')
    .filter((line) => line.startsWith('Tcp: '))
    .map((line) => line.split(' '));
  const counterOf = (name: string): string | undefined => values[names.indexOf(name)];
  const opened = OPENED.map(counterOf);
  const established = counterOf(ESTABLISHED);
  if (established === undefined || opened.includes(undefined)) return null;
  return { opened: opened.join(), established: Number(established) };
}

/** The parts of it that tests replace. */
export interface CountedConnectionsOptions {
  readonly folder?: string;
  readonly readAll?: (folder: string) => Promise<KernelConnections | null>;
}

/** The connections of this network namespace, as they were read last or are read anew. */
export class CountedConnections {
  readonly #now: () => number;
  readonly #folder: string;
  readonly #readAll: (folder: string) => Promise<KernelConnections | null>;
  /** Those that were read last, with the counters before that; null where the counters would not show every change of them. */
  #last: {
    readonly counters: Counters;
    readonly ms: number;
    readonly connections: readonly KernelConnection[];
  } | null = null;

  constructor(now: () => number, { folder = FOLDER, readAll = readConnections }: CountedConnectionsOptions = {}) {
    this.#now = now;
    this.#folder = folder;
    this.#readAll = readAll;
  }

  /** Gives them; null where the kernel does not say. `isWhole`: reads the tables whatever the counters say. */
  async read(isWhole: boolean): Promise<readonly KernelConnection[] | null> {
    // Before the tables: what changes while they are read counts as changed next time.
    const counters = readCounters(this.#folder);
    const ms = this.#now();
    if (!isWhole && this.#isUnchanged(counters, ms)) return this.#last?.connections ?? null;
    this.#last = null;
    const list = await this.#readAll(this.#folder);
    if (list !== null && counters !== null && isCovered(list, counters))
      this.#last = { counters, ms, connections: list.connections };
    return list?.connections ?? null;
  }

  #isUnchanged(counters: Counters | null, nowMs: number): boolean {
    if (this.#last === null || counters === null) return false;
    const { counters: before, ms } = this.#last;
    // A clock that was set back says nothing.
    const isRecent = nowMs >= ms && nowMs - ms < WHOLE_LOOK_EVERY_MS;
    return isRecent && counters.opened === before.opened && counters.established === before.established;
  }
}

/**
 * Tells whether the counters show each change of these connections. Each must be established and accepted: what becomes of one that is
 * being opened or closed, or waits to be accepted, moves none of them. And there must be as many as are counted: a sandbox may have a
 * file of zeros, and connections that moved while the tables were read belong to the next look.
 */
function isCovered({ connections, established, isSettled }: KernelConnections, counters: Counters): boolean {
  return isSettled && established === counters.established && connections.length <= KEPT_LIMIT_CONNECTIONS;
}
