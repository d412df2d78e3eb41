/** What becomes of connections that are over: by a line that says so, by time, or because the log ends. */

import type { Connection } from './connection.ts';
import { Due } from './due.ts';
import type { Place } from './matching.ts';
import type { Table } from './table.ts';
import type { Telling } from './telling.ts';

/** Ends connections: tells what is to be told of them, and takes them out of the table. Each ends once. */
export class Endings {
  readonly #table: Table;
  readonly #telling: Telling;
  readonly #due = new Due();
  readonly #over = {
    settle: (one: Connection): void => this.settle(one),
    release: (one: Connection): void => this.#telling.released(one),
  };

  constructor(table: Table, telling: Telling) {
    this.#table = table;
    this.#telling = telling;
  }

  /** It is about to end: its last line is awaited, but not for long. */
  awaited(one: Connection): void {
    this.#due.ends(one);
  }

  /** A line of it is held: it is told soon, if nothing makes it another. */
  held(one: Connection): void {
    this.#due.add(one);
  }

  /** It goes on after all. */
  goesOn(one: Connection): void {
    if (one.ending) this.#due.delete(one);
    one.ending = false;
  }

  /** Nothing is to be told of it. */
  forget(one: Connection): void {
    if (one.ending || one.held !== null) this.#due.delete(one);
    this.#table.remove(one);
  }

  /** PAM's helper has said no more than its connection says itself. */
  dropHelper(one: Connection): void {
    const helper = this.#table.helper(one);
    if (helper !== undefined && helper !== one) this.forget(helper);
  }

  /** It is over: what it showed becomes its event. */
  settle(one: Connection): void {
    this.forget(one);
    this.#telling.released(one);
    if (one.decisions > 0 || one.accepted || this.#toldElsewhere(one)) return;
    this.#telling.over(one);
  }

  /**
   * sshd's last words about it, which need not be its last line: another of its pid may still give the address, and must not
   * be taken for a connection of its own.
   */
  lastWords(one: Connection): void {
    const told = one.decisions > 0 || one.accepted || one.ip !== null;
    if (told || one.pid < 0) this.settle(one);
    if (one.pid < 0) return;
    if (told) {
      one.over = true;
      one.decisions = Math.max(one.decisions, 1);
      this.#table.add(one);
    }
    this.#due.ends(one);
  }

  /** The same for one that was refused, and of which nothing is to be told any more. */
  turnedAway(one: Connection): void {
    one.over = true;
    this.#due.ends(one);
  }

  /** True when a `PAM:` line, which has no port and stood by itself, has told what became of this connection. */
  #toldElsewhere(one: Connection): boolean {
    const loose = one.port === null || one.pid >= 0 ? undefined : this.#table.loose(one);
    if (loose === undefined) return false;
    this.#table.setPeer(loose, one.ip, one.port);
    this.#telling.released(loose);
    this.forget(loose);
    return true;
  }

  /** Time passes with every line of the log. */
  pass(place: Place): void {
    this.#due.pass(place, this.#table, this.#over);
  }

  /** Time passes on a quiet log. */
  expire(nowMs: number): void {
    this.#due.expire(nowMs, this.#table, this.#over);
  }

  /** The log ends: closes all that is open, in the order in which they were last heard of. */
  end(): void {
    for (const one of [...this.#table].sort((a, b) => a.line - b.line)) if (this.#table.has(one)) this.settle(one);
  }

  /** Plain JSON: when the open ones were last looked through. */
  save(): unknown {
    return this.#due.save();
  }

  /** Takes over what `save` gave; the table holds the open ones again. */
  restore(due: unknown): void {
    this.#due.restore(due);
    for (const one of this.#table) if (one.ending || one.held !== null) this.#due.add(one);
  }
}
