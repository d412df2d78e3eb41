/**
 * Fences an old primary. A promotion gives PostgreSQL's log the next timeline, so that a primary that comes back after its standby
 * was promoted has a lower one. What was appended to it would be in no other server's log.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../../service/files.ts';

/** A primary: the number that initdb gave its cluster, which standbys have too, and its timeline. */
export interface Primary {
  readonly system: string;
  readonly timeline: number;
}

/** Keeps what was seen; `write` returns once it is on the disk. */
export interface FenceMemory {
  read(): Primary | null;
  write(seen: Primary): void;
}

/** Keeps it in a data folder. */
export function fenceFile(folder: string): FenceMemory {
  const file = join(folder, 'primary.json');
  return {
    read: () => {
      try {
        const { system, timeline } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Primary>;
        return typeof system === 'string' && Number.isSafeInteger(timeline)
          ? { system, timeline: Number(timeline) }
          : null;
      } catch {
        // The first start; a file that is replaced as a whole is not damaged by a crash.
        return null;
      }
    },
    write: (seen) => replaceFile(file, `${JSON.stringify({ version: 1, ...seen })}\n`),
  };
}

/** Decides which primaries may be used, and remembers the newest timeline. */
export class Fence {
  readonly #memory: FenceMemory;
  readonly #raised: (seen: Primary) => void;
  #seen: Primary | null;
  /** True once a primary was taken since the start. */
  #hasTaken = false;

  /** `raised` hears of each newer timeline: connections to older primaries are of no use any more. */
  constructor(memory: FenceMemory, raised: (seen: Primary) => void) {
    this.#memory = memory;
    this.#raised = raised;
    this.#seen = memory.read();
  }

  /**
   * Takes a primary, or gives the reason why it must not be used. Another cluster is taken at a start only, when what it holds is
   * compared with the folder: a dump that was restored, or an upgrade. Throws where what was seen cannot be written.
   */
  take(found: Primary): string | null {
    const seen = this.#seen;
    if (seen !== null && seen.system === found.system && found.timeline < seen.timeline)
      return `it is an old primary: its timeline is ${found.timeline}, and this server has seen ${seen.timeline}. Stop it, and make it a standby of the new one`;
    if (seen !== null && seen.system !== found.system && this.#hasTaken)
      return `it is another PostgreSQL than before (system identifier ${found.system}, not ${seen.system}): restart this server to go on with it`;
    if (seen?.system !== found.system || seen.timeline !== found.timeline) {
      this.#memory.write(found);
      this.#seen = found;
      this.#raised(found);
    }
    this.#hasTaken = true;
    return null;
  }
}
