/** Puts the parts of an agent's list of open sessions together, and says when a list is to be stored. */
import type { AgentReport } from '../../protocol/report.ts';
import type { OpenSessions } from '../../protocol/session.ts';
import { hashOf } from '../../service/text-hash.ts';
import type { OpenList } from '../store/store.ts';

/** A list that says nothing new is stored so often: the time of the last look is shown with each session. */
export const LIST_STORED_EVERY_MS = 30_000;

/** Puts the parts of an agent's list together. They come one after the other; a list that misses one is dropped, and the next one comes soon. */
export class OpenListParts {
  /** The first part of the list that is coming; null between two lists. */
  #first: OpenSessions | null = null;
  /** The numbers of all its parts: they alone are kept of the further ones, so that many small parts hold no more than a few full ones. */
  #list: number[] = [];
  #unconfirmed: number[] = [];
  /** The hash of the list that was stored last, without its times. */
  #stored = 0;
  #storedMs = Number.NEGATIVE_INFINITY;

  /** Takes a part. Returns the whole list where this was its last part and it is to be stored, else null. */
  take(part: OpenSessions, report: AgentReport | null, nowMs: number): OpenList | null {
    if (part.from === 0) this.#begin(part);
    const first = this.#first;
    if (first === null || part.from !== this.#list.length || first.at !== part.at) return null;
    this.#list.push(...part.list);
    this.#unconfirmed.push(...part.unconfirmed);
    if (this.#list.length < part.sessions) return null;
    const { from: _, ...rest } = { ...first, list: this.#list, unconfirmed: this.#unconfirmed };
    this.#begin(null);
    return this.#isDue(rest, nowMs) ? { ...rest, upToSeq: report?.sentSeq ?? rest.list.at(-1) ?? 0 } : null;
  }

  #begin(first: OpenSessions | null): void {
    this.#first = first;
    this.#list = [];
    this.#unconfirmed = [];
  }

  /** True where a whole list is to be stored: it says something new, or the last one is old enough. Notes that it is. */
  #isDue({ at: _, confirmedAt, ...rest }: Omit<OpenSessions, 'from'>, nowMs: number): boolean {
    const stored = hashOf(JSON.stringify([rest, confirmedAt === null]));
    if (stored === this.#stored && Math.abs(nowMs - this.#storedMs) < LIST_STORED_EVERY_MS) return false;
    this.#stored = stored;
    this.#storedMs = nowMs;
    return true;
  }
}
