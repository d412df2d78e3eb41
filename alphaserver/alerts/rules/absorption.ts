/** One scan of the fleet is one incident: what its source did on single hosts meanwhile is a part of it. */
import type { Live } from './incident.ts';
import type { Terms } from './terms.ts';

const PARTS: readonly string[] = ['brute-force', 'slow-brute-force'];
const HOUR_MS = 3_600_000;

interface Scan {
  readonly live: Live;
  readonly firstAt: number;
  readonly openedAt: number;
  readonly lastAt: number;
}

interface Known {
  readonly scans: Map<string, Scan>;
  readonly parts: Map<string, Live>;
  /** What was last said of a part. */
  readonly said: Map<string, string | null>;
}

/** The network of a part's key (`source host`), the key of a scan. */
const sourceKey = ({ rule, key }: Live): string => (rule === 'fleet-scan' ? key : key.slice(0, key.indexOf(' ')));

/** Which incidents on one host are parts of which scan. Remembers them for as long as either may still change. */
export class Absorption {
  readonly #quietMs: number;
  readonly #keepMs: number;
  readonly #sources = new Map<string, Known>();
  #moved = new Map<string, Live>();
  #forgottenMs = 0;

  constructor(terms: Terms) {
    this.#quietMs = terms.quietMs;
    this.#keepMs = terms.rules['fleet-scan'].windowMs + terms.quietMs + 2 * HOUR_MS;
  }

  /** Takes notice of a new or changed incident. */
  note(live: Live): void {
    const isScan = live.rule === 'fleet-scan';
    if (!isScan && !PARTS.includes(live.rule)) return;
    const key = sourceKey(live);
    let known = this.#sources.get(key);
    if (!known) {
      known = { scans: new Map(), parts: new Map(), said: new Map() };
      this.#sources.set(key, known);
    }
    if (!isScan) {
      known.parts.set(live.id, live);
      return;
    }
    const before = known.scans.get(live.id);
    const { firstAt, openedAt, lastAt } = live.draft;
    known.scans.set(live.id, { live, firstAt, openedAt, lastAt });
    // A scan that only goes on takes in nothing that was before: what opens from now on asks for itself.
    if (before?.firstAt !== firstAt || before.openedAt !== openedAt || before.live.draft !== live.draft)
      for (const [id, part] of known.parts) this.#moved.set(id, part);
  }

  /** An incident that is no more. */
  drop(live: Live): void {
    const known = this.#sources.get(sourceKey(live));
    if (!known) return;
    known.parts.delete(live.id);
    known.said.delete(live.id);
    this.#moved.delete(live.id);
    if (known.scans.delete(live.id)) for (const [id, part] of known.parts) this.#moved.set(id, part);
  }

  /** The scan that an incident is a part of: it opened after the scan's first event and before the scan was over. */
  partOf(live: Live): string | null {
    if (!PARTS.includes(live.rule)) return null;
    const known = this.#sources.get(sourceKey(live));
    const scan = known?.scans.values().find((one) => this.#has(one, live));
    if (known?.parts.has(live.id)) known.said.set(live.id, scan?.live.id ?? null);
    return scan?.live.id ?? null;
  }

  #has({ firstAt, live }: Scan, { draft: { openedAt } }: Live): boolean {
    return firstAt <= openedAt && openedAt < live.draft.lastAt + this.#quietMs;
  }

  /** Parts that are of another scan than was last said, since the last call. */
  takeMoved(): Live[] {
    const moved = [...this.#moved.values()].filter((live) => {
      const before = this.#sources.get(sourceKey(live))?.said.get(live.id);
      return this.partOf(live) !== before;
    });
    this.#moved = new Map();
    return moved;
  }

  /** Lets go of what is too old to change, now and then. */
  forget(nowMs: number): void {
    if (nowMs - this.#forgottenMs < HOUR_MS / 12) return;
    this.#forgottenMs = nowMs;
    const old = nowMs - this.#keepMs;
    for (const [key, { scans, parts, said }] of this.#sources) {
      for (const [id, { live }] of scans) if (live.draft.lastAt < old) scans.delete(id);
      for (const [id, { draft }] of parts) {
        if (draft.lastAt >= old) continue;
        parts.delete(id);
        said.delete(id);
      }
      if (scans.size + parts.size === 0) this.#sources.delete(key);
    }
  }
}
