/** Restarts a reader as the agent does: its state as one value, its connections and sessions one by one. */

import { deepEqual } from 'node:assert/strict';
import { toSaved } from '../../../alphaclient/sshd/connection.ts';
import { ConnectionChanges, type NumberedConnection } from '../../../alphaclient/sshd/connection-changes.ts';
import { Reader } from '../../../alphaclient/sshd/reader.ts';
import { type EndedSession, SessionChanges } from '../../../alphaclient/sshd/session-changes.ts';

/** Keeps the connections and sessions of one log, as the outbox does. */
export class SessionOutbox {
  readonly #changes = new SessionChanges();
  readonly #rows = new Map<number, string>();
  readonly #ends: EndedSession[] = [];
  #connections = new ConnectionChanges();
  readonly #connectionRows = new Map<number, string>();

  /** Makes a reader that begins the log. */
  reader(): Reader {
    this.#connections = new ConnectionChanges();
    return new Reader(null, null, null, { listener: this.#changes }, { listener: this.#connections, saved: [] });
  }

  /** Makes a reader that goes on where another stopped. The rows must be what the other has open, in the order of opening. */
  restart(reader: Reader): Reader {
    this.#commit();
    const rows = [...this.#connectionRows]
      .sort(([a], [b]) => a - b)
      .map(([number, row]): NumberedConnection => [number, JSON.parse(row) as unknown]);
    const open = JSON.parse(JSON.stringify(Array.from(reader.connections.table, toSaved))) as unknown[];
    deepEqual(
      rows.map(([, saved]) => saved),
      open,
    );
    const saved = [...this.#rows.values()].map((row) => JSON.parse(row) as unknown);
    this.#connections = new ConnectionChanges();
    return new Reader(
      JSON.parse(JSON.stringify(reader.save())),
      null,
      null,
      { listener: this.#changes, saved },
      { listener: this.#connections, saved: rows },
    );
  }

  #commit(): void {
    const { saved, removed, ends } = this.#changes.take();
    for (const [session, row] of saved) this.#rows.set(session, JSON.stringify(row));
    for (const session of removed) this.#rows.delete(session);
    this.#ends.push(...ends);
    const connections = this.#connections.take();
    if (connections.isWhole) this.#connectionRows.clear();
    for (const [number, row] of connections.saved) this.#connectionRows.set(number, JSON.stringify(row));
    for (const number of connections.removed) this.#connectionRows.delete(number);
  }

  /** The ends so far. */
  get ends(): readonly EndedSession[] {
    this.#commit();
    return this.#ends;
  }

  /** The numbers of the sessions that are open. */
  get open(): readonly number[] {
    this.#commit();
    return [...this.#rows.keys()];
  }
}
