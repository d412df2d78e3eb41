/** Events of a store's file as they are stored, read beside the process that stores them. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openOffline } from '../queries/offline.ts';
import { Queries } from '../queries/queries.ts';
import { factIn } from '../rollups/schema.ts';
import { arrays, type Database } from '../store/database.ts';
import { eventsAfter } from '../store/event-rows.ts';
import { readerOf } from '../store/event-tables.ts';
import { EVENTS_FILE } from '../store/folder.ts';
import type { StoredEvent } from '../store/store.ts';

/** Events read at once: bounds what is held in memory however far behind this is. */
const PAGE_EVENTS = 500;

/** Goes through a store in the order of ids. Survives retention, restarts, and another store put in its place. */
export class EventTailer {
  readonly #folder: string;
  #db: Database;
  #file: string;
  #seed: number;
  #version = -1;
  #after: number;

  /**
   * Begins after the newest event, or, with `sinceMs`, before the first stored one that happened then or later.
   * Throws a OfflineError when the store cannot be opened.
   */
  constructor(folder: string, sinceMs: number | null) {
    this.#folder = folder;
    this.#db = openOffline(folder);
    this.#file = this.#identity();
    this.#seed = factIn(this.#db, 'hashSeed');
    this.#after = sinceMs === null ? this.#newest() : this.#before(sinceMs);
  }

  /** Returns the next events, at most some hundreds; none when there is nothing new. Throws when the store cannot be read. */
  next(): StoredEvent[] {
    this.#reopen();
    // Tells of commits without reading a table.
    const [row] = arrays(this.#db, 'PRAGMA data_version') as [number][];
    const version = row?.[0] ?? 0;
    if (version === this.#version) return [];
    const events = eventsAfter(this.#db, this.#after, PAGE_EVENTS);
    this.#after = events.at(-1)?.id ?? this.#after;
    // A commit after the question was asked shows as another version the next time.
    if (events.length < PAGE_EVENTS) this.#version = version;
    return events;
  }

  /** Lets go of the file. */
  close(): void {
    this.#db.close();
  }

  #newest(): number {
    // Retention may have taken the newest too: what comes has higher numbers than any there was.
    return Math.max(readerOf(this.#db).bounds().last, factIn(this.#db, 'rolledTo'));
  }

  #before(sinceMs: number): number {
    const first = new Queries(this.#db).firstSince(sinceMs);
    return first === null ? this.#newest() : first - 1;
  }

  #identity(): string {
    const { dev, ino } = statSync(join(this.#folder, EVENTS_FILE));
    return `${dev}:${ino}`;
  }

  /** Another file of this name: a backup put back is gone on with, a new store is read from its beginning. */
  #reopen(): void {
    let file: string;
    try {
      file = this.#identity();
    } catch {
      // Gone for the moment: what is open can still be read.
      return;
    }
    if (file === this.#file) return;
    this.#db.close();
    this.#db = openOffline(this.#folder);
    this.#file = file;
    this.#version = -1;
    const seed = factIn(this.#db, 'hashSeed');
    this.#after = seed === this.#seed ? Math.min(this.#after, this.#newest()) : 0;
    this.#seed = seed;
  }
}
