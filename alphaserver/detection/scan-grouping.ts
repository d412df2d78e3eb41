/** Makes one scan of the fleet one incident: what its source did on single hosts meanwhile is a part of it (inhibition). */
import type { DetectionConfig, Rule } from '../alert-config/rules.ts';
import type { ScanReference, TrackedIncident } from './keyed-state.ts';

const SCAN: Rule = 'fleet-scan';
const PARTS: readonly Rule[] = ['brute-force', 'slow-brute-force'];

/** Incidents on single hosts, and scans, that are remembered of one source; the oldest go first, and stay what they are. */
export const PARTS_LIMIT = 1_000;
export const SCANS_LIMIT = 16;

/** The id of what stands for an incident by now: its own while it is there, null where nothing has taken its place. */
export function presentId(incident: ScanReference | null): string | null {
  let present = incident;
  while (present && present.replacedBy !== undefined) present = present.replacedBy;
  return present?.id ?? null;
}

/** The id of the scan that an incident is a part of, or null. */
export const scanOf = ({ partOf }: TrackedIncident): string | null => presentId(partOf);

/** The scans of one source and its incidents on single hosts, those found first at the beginning. */
export interface ScanGroup {
  scans: readonly TrackedIncident[];
  parts: readonly TrackedIncident[];
}

const NO_INCIDENTS: readonly TrackedIncident[] = [];

/** The groups of all sources, by the number of the source. Times are those of events, so the clock does not matter. */
export class ScanGrouping {
  readonly #groups = new Map<number, ScanGroup>();
  #config: DetectionConfig;

  constructor(config: DetectionConfig) {
    this.#config = config;
  }

  configure(config: DetectionConfig): void {
    this.#config = config;
  }

  get(source: number): ScanGroup | undefined {
    return this.#groups.get(source);
  }

  /** Takes back a group that was saved. */
  restore(source: number, group: ScanGroup): void {
    this.#groups.set(source, group);
  }

  /** Forgets a source. */
  evict(source: number): void {
    this.#groups.delete(source);
  }

  /** Adds an incident. Gives those that are parts of another scan than before. */
  add(incident: TrackedIncident): readonly TrackedIncident[] {
    const isScan = incident.rule === SCAN;
    if (!isScan && !PARTS.includes(incident.rule)) return [];
    const group = this.#groups.get(incident.source) ?? { scans: NO_INCIDENTS, parts: NO_INCIDENTS };
    this.#groups.set(incident.source, group);
    if (isScan) group.scans = [...group.scans, incident].slice(-SCANS_LIMIT);
    else group.parts = [...group.parts, incident].slice(-PARTS_LIMIT);
    return isScan ? this.#regroup(group) : this.#regroup({ ...group, parts: [incident] });
  }

  /** Takes notice that the times of an incident changed. Gives those that are parts of another scan than before. */
  change(incident: TrackedIncident): readonly TrackedIncident[] {
    const group = incident.rule === SCAN && this.#groups.get(incident.source);
    return group ? this.#regroup(group) : NO_INCIDENTS;
  }

  /** Takes out an incident that is no more. Gives those that are parts of another scan than before. */
  remove(incident: TrackedIncident): readonly TrackedIncident[] {
    const group = this.#groups.get(incident.source);
    if (!group) return [];
    group.scans = group.scans.filter((one) => one !== incident);
    group.parts = group.parts.filter((one) => one !== incident);
    return this.#regroup(group);
  }

  #regroup({ scans, parts }: ScanGroup): readonly TrackedIncident[] {
    if (parts.length === 0) return NO_INCIDENTS;
    return parts.filter((part) => {
      const before = scanOf(part);
      part.partOf = scans.find((scan) => this.#contains(scan, part)) ?? remembered(part, scans);
      return scanOf(part) !== before;
    });
  }

  /** A part opened after the scan's first event and before the scan was over. It stays one, however much longer it goes on. */
  #contains({ firstAt, lastAt }: TrackedIncident, { openedAt }: TrackedIncident): boolean {
    return firstAt <= openedAt && openedAt < lastAt + this.#config.quietMs;
  }
}

/** The scan that an incident was found to be a part of, where that is there and only not remembered any more. */
function remembered({ partOf }: TrackedIncident, scans: readonly ScanReference[]): ScanReference | null {
  return partOf !== null && partOf.replacedBy === undefined && !scans.includes(partOf) ? partOf : null;
}
