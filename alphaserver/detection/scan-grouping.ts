/** One scan of the fleet is one incident: what its source did on single hosts meanwhile is a part of it. */

import type { DetectionConfig } from '../alert-config/rules.ts';
import type { Live } from './incident.ts';

const PARTS: readonly string[] = ['brute-force', 'slow-brute-force'];
const HOUR_MS = 3_600_000;

/**
 * Incidents held at most. When there are more, half of them go, those noted longest ago first: a later scan does not take
 * them in.
 */
export const NOTED_LIMIT = 200_000;

interface Noted {
  readonly live: Live;
  /** When it was last noted, by the clock. */
  readonly notedMs: number;
}

interface Scan extends Noted {
  readonly firstAt: number;
  readonly openedAt: number;
}

interface Part extends Noted {
  /** The scan that it was last said to be a part of; undefined while nothing was said. */
  said: string | null | undefined;
}

interface Known {
  readonly scans: Map<string, Scan>;
  readonly parts: Map<string, Part>;
}

/** The network of a part's key (`source host`), the key of a scan. */
const sourceKey = ({ rule, key }: Live): string => (rule === 'fleet-scan' ? key : key.slice(0, key.indexOf(' ')));

const touchedMs = ({ live, notedMs }: Noted): number => Math.max(notedMs, live.draft.lastAt);

/** Which incidents on one host are parts of which scan. Remembers them for as long as either may still change. */
export class Absorption {
  readonly #quietMs: number;
  readonly #keepMs: number;
  readonly #sources = new Map<string, Known>();
  #moved = new Map<string, Live>();
  #forgottenMs = 0;
  #size = 0;

  constructor(config: DetectionConfig) {
    this.#quietMs = config.quietMs;
    this.#keepMs = config.rules['fleet-scan'].windowMs + config.quietMs + 2 * HOUR_MS;
  }

  /** Takes notice of an incident that is new or changed by the clock `nowMs`. `said`: what was written of it before a restart. */
  note(live: Live, nowMs: number, said?: string | null): void {
    const isScan = live.rule === 'fleet-scan';
    if (!isScan && !PARTS.includes(live.rule)) return;
    if (this.#size >= NOTED_LIMIT) this.#halve();
    const key = sourceKey(live);
    let known = this.#sources.get(key);
    if (!known) {
      known = { scans: new Map(), parts: new Map() };
      this.#sources.set(key, known);
    }
    const { scans, parts } = known;
    const [scan, part] = [scans.get(live.id), parts.get(live.id)];
    if (!scan && !part) this.#size += 1;
    // After a restart old events are told again: it was noted later than they were stored.
    const notedMs = Math.max(nowMs, (scan ?? part)?.notedMs ?? nowMs);
    if (!isScan) {
      parts.set(live.id, { live, notedMs, said: said === undefined ? part?.said : said });
      return;
    }
    const { firstAt, openedAt } = live.draft;
    scans.set(live.id, { live, firstAt, openedAt, notedMs });
    // A scan that only goes on takes in nothing that was before: what opens from now on asks for itself.
    if (scan?.firstAt !== firstAt || scan.openedAt !== openedAt || scan.live.draft !== live.draft) this.#move(known);
  }

  #move({ parts }: Known): void {
    for (const [id, { live }] of parts) this.#moved.set(id, live);
  }

  /** An incident that is no more. */
  drop(live: Live): void {
    const known = this.#sources.get(sourceKey(live));
    if (!known) return;
    this.#moved.delete(live.id);
    if (known.parts.delete(live.id) || known.scans.delete(live.id)) this.#size -= 1;
    if (live.rule !== 'fleet-scan') return;
    for (const part of known.parts.values()) if (part.said === live.id) part.said = undefined;
    this.#move(known);
  }

  /**
   * The scan that an incident is a part of: it opened after the scan's first event and before the scan was over. It stays
   * one, however much longer than the scan it goes on.
   */
  partOf(live: Live): string | null {
    if (!PARTS.includes(live.rule)) return null;
    const known = this.#sources.get(sourceKey(live));
    if (!known) return null;
    const part = known.parts.get(live.id);
    const scan = known.scans.values().find((one) => this.#has(one, live));
    const forgotten = part?.said && !known.scans.has(part.said) ? part.said : null;
    const is = scan?.live.id ?? forgotten;
    if (part) part.said = is;
    return is;
  }

  #has({ firstAt, live }: Scan, { draft: { openedAt } }: Live): boolean {
    return firstAt <= openedAt && openedAt < live.draft.lastAt + this.#quietMs;
  }

  /** Parts that are of another scan than was last said, since the last call. */
  takeMoved(): Live[] {
    const moved = [...this.#moved.values()].filter((live) => {
      const before = this.#sources.get(sourceKey(live))?.parts.get(live.id)?.said;
      return this.partOf(live) !== before;
    });
    this.#moved = new Map();
    return moved;
  }

  /**
   * Lets go of what is too old to change, now and then: by its own time and by when it was noted, for a log of days that
   * comes all at once is as connected as one that came while it was written.
   */
  forget(nowMs: number): void {
    if (nowMs - this.#forgottenMs < HOUR_MS / 12) return;
    this.#forgottenMs = nowMs;
    this.#letGo(nowMs - this.#keepMs);
  }

  /** How many incidents are held. */
  get size(): number {
    return this.#size;
  }

  #halve(): void {
    const all = [...this.#sources.values()].flatMap(({ scans, parts }) =>
      [scans, parts].flatMap((noted) => [...noted].map(([id, one]) => ({ noted, id, atMs: touchedMs(one) }))),
    );
    all.sort((a, b) => a.atMs - b.atMs);
    for (const { noted, id } of all.slice(0, all.length >> 1)) noted.delete(id);
    this.#letGo(Number.NEGATIVE_INFINITY);
  }

  /** Lets go of what was touched before, and of sources that nothing is left of. */
  #letGo(beforeMs: number): void {
    this.#size = 0;
    for (const [key, { scans, parts }] of this.#sources) {
      for (const noted of [scans, parts])
        for (const [id, one] of noted) if (touchedMs(one) < beforeMs) noted.delete(id);
      if (scans.size + parts.size === 0) this.#sources.delete(key);
      this.#size += scans.size + parts.size;
    }
  }
}
