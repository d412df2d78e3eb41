/** The newest tries of each source that are stored and not judged in order: what a success now may follow. */
import { sourceOf } from '../../service/ip-network.ts';
import type { RuleRow } from '../store/event-rows.ts';

/** Sources remembered; past it the one whose tries are oldest goes, and its break-in waits for the order. */
export const SKIPPED_SOURCES_LIMIT = 100_000;

/** Ids of events by source, at most as many of each as the rule `break-in` counts. */
export class SkippedTries {
  /** The source with the oldest newest try first. */
  readonly #bySource = new Map<string, number[]>();

  /** Adds a try of a source; `keep` are kept. */
  add([id, , , , , , , , , ip]: RuleRow, ipv6Prefix: number, keep: number): void {
    const source = sourceOf(ip, ipv6Prefix);
    if (source === null) return;
    const ids = this.#bySource.get(source) ?? [];
    ids.push(id);
    if (ids.length > keep) ids.shift();
    this.#put(source, ids);
  }

  /** Takes out the tries of a row's source, oldest first. */
  take([, , , , , , , , , ip]: RuleRow, ipv6Prefix: number): readonly number[] {
    const source = sourceOf(ip, ipv6Prefix);
    const ids = source === null ? undefined : this.#bySource.get(source);
    if (source !== null) this.#bySource.delete(source);
    return ids ?? [];
  }

  /** Moves all tries of another one here, those of its sources as the newest; of each source `keep` are kept. */
  moveFrom(other: SkippedTries, keep: number): void {
    for (const [source, ids] of other.#bySource)
      this.#put(source, [...(this.#bySource.get(source) ?? []), ...ids].sort((a, b) => a - b).slice(-keep));
    other.clear();
  }

  clear(): void {
    this.#bySource.clear();
  }

  #put(source: string, ids: number[]): void {
    this.#bySource.delete(source);
    this.#bySource.set(source, ids);
    if (this.#bySource.size > SKIPPED_SOURCES_LIMIT)
      this.#bySource.delete(this.#bySource.keys().next().value as string);
  }
}
