/** Restarts a reader as the agent does: its state as one value, its sessions one by one. */
import { Reader } from '../../../alphaclient/sshd/reader.ts';
import { type EndedSession, SessionChanges } from '../../../alphaclient/sshd/session-changes.ts';

/** Keeps the sessions of one log, as the outbox does. */
export class SessionOutbox {
  readonly #changes = new SessionChanges();
  readonly #rows = new Map<number, string>();
  readonly #ends: EndedSession[] = [];

  /** Makes a reader that begins the log. */
  reader(): Reader {
    return new Reader(null, null, null, { listener: this.#changes });
  }

  /** Makes a reader that goes on where another stopped. */
  restart(reader: Reader): Reader {
    this.#commit();
    const saved = [...this.#rows.values()].map((row) => JSON.parse(row) as unknown);
    return new Reader(JSON.parse(JSON.stringify(reader.save())), null, null, { listener: this.#changes, saved });
  }

  #commit(): void {
    const { saved, removed, ends } = this.#changes.take();
    for (const [session, row] of saved) this.#rows.set(session, JSON.stringify(row));
    for (const session of removed) this.#rows.delete(session);
    this.#ends.push(...ends);
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
