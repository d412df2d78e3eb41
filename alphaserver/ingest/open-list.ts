/** Puts the parts of an agent's list of open sessions together, and says when a list is to be stored. */
import type { AgentReport } from '../../protocol/report.ts';
import type { OpenSessions } from '../../protocol/session.ts';
import { hashOf } from '../../service/text-hash.ts';
import type { OpenList } from '../store/store.ts';

/** A list that says nothing new is stored so often: the time of the last look is shown with each session. */
export const LIST_STORED_EVERY_MS = 30_000;

/** Puts the parts of an agent's list together. They come one after the other; a list that misses one is dropped, and the next one comes soon. */
export class OpenListParts {
  #parts: OpenSessions[] = [];
  #sessions = 0;
  /** The hash of the list that was stored last, without its times. */
  #stored = 0;
  #storedMs = Number.NEGATIVE_INFINITY;

  /** Takes a part. Returns the whole list where this was its last part and it is to be stored, else null. */
  take(part: OpenSessions, report: AgentReport | null, nowMs: number): OpenList | null {
    if (part.from === 0) {
      this.#parts = [];
      this.#sessions = 0;
    }
    if (part.from !== this.#sessions || (this.#parts[0] ?? part).at !== part.at) return null;
    this.#parts.push(part);
    this.#sessions += part.list.length;
    if (this.#sessions < part.sessions) return null;
    const list = wholeOf(this.#parts, report);
    this.#parts = [];
    this.#sessions = 0;
    const { at: _, confirmedAt, upToSeq: __, ...rest } = list;
    const stored = hashOf(JSON.stringify([rest, confirmedAt === null]));
    if (stored === this.#stored && Math.abs(nowMs - this.#storedMs) < LIST_STORED_EVERY_MS) return null;
    this.#stored = stored;
    this.#storedMs = nowMs;
    return list;
  }
}

function wholeOf(parts: readonly OpenSessions[], report: AgentReport | null): OpenList {
  const { from: _, ...first } = parts[0] as OpenSessions;
  const list = parts.flatMap((part) => part.list);
  const unconfirmed = parts.flatMap((part) => part.unconfirmed);
  return { ...first, list, unconfirmed, upToSeq: report?.sentSeq ?? list.at(-1) ?? 0 };
}
