/**
 * Bounds what is read from all agents in one turn of the event loop. Agents that send what they kept fill their sockets; read as far as
 * they go, a dozen of them would keep an agent that has one event waiting for as long as all their events take.
 */

/** Read in one turn before connections with much more have to wait: some 2,500 events. */
export const READ_AT_ONCE_BYTES = 524_288;
/** Connections that waited, and are read on in one turn; each gives 64 KiB then, which is the most that Node reads at once. */
const READ_ON_AT_ONCE = 8;
/** A connection that gives less never waits: it has no more. */
const MUCH_BYTES = 16_384;

/** A connection that waits for its turn. */
export interface Reader {
  readOn(): void;
}

/** Counts what is read, and lets connections wait for the next turns. */
export class ReadTurns {
  #leftBytes = READ_AT_ONCE_BYTES;
  #isScheduled = false;
  readonly #waiting: Reader[] = [];

  /** Counts bytes that a connection gave. True where nothing more should be read from it until its `readOn` is called, in a later turn. */
  take(bytes: number, reader: Reader): boolean {
    this.#leftBytes -= bytes;
    this.#schedule();
    if (this.#leftBytes > 0 || bytes < MUCH_BYTES) return false;
    this.#waiting.push(reader);
    return true;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#leftBytes = READ_AT_ONCE_BYTES;
      for (const reader of this.#waiting.splice(0, READ_ON_AT_ONCE)) reader.readOn();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }
}
