/** What the rules see of an event, and the one order they see events in. */
import type { Outcome } from '../../protocol/event.ts';
import { sourceOf } from '../../service/ip-network.ts';
import type { DetectionConfig } from '../alert-config/rules.ts';
import type { StoredEvent } from '../store/store.ts';

/** An event, cut to what rules need. Many keys hold the same object. Times are Unix milliseconds. */
export interface Seen {
  /** Its place in the order: when it happened, or the earliest place that was still open when it came. */
  readonly at: number;
  /** When it happened. */
  readonly happened: number;
  readonly late: boolean;
  readonly id: number;
  /** A small number for the agent: events of one agent keep their order, those of two agents have a fixed one. */
  readonly agent: number;
  readonly outcome: Outcome;
  readonly host: string;
  readonly source: string | null;
  readonly ip: string | null;
  readonly user: string | null;
  readonly method: string | null;
}

/** Names longer than this are cut for the rules, with a number that keeps two long ones apart: they are held in memory. */
export const NAME_LIMIT = 64;

/** A 32-bit number for a text (FNV-1a). Not secret, not unique: it orders and tells apart. */
export function numberOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

const name = (text: string | null): string | null =>
  text === null || text.length <= NAME_LIMIT
    ? text
    : `${text.slice(0, NAME_LIMIT - 12)}...#${numberOf(text).toString(16)}`;

/** Texts of which many events have the same: held once. Bounded; when it is full it begins anew. */
export class Texts {
  readonly #known = new Map<string, string>();

  same<T extends string | null>(text: T): T {
    if (text === null) return text;
    const known = this.#known.get(text);
    if (known !== undefined) return known as T;
    if (this.#known.size >= TEXTS_LIMIT) this.#known.clear();
    this.#known.set(text, text);
    return text;
  }
}

const TEXTS_LIMIT = 100_000;

/** What the rules see of a stored event. */
export function seenOf(event: StoredEvent, config: DetectionConfig, texts: Texts): Seen {
  const at = Date.parse(event.at);
  const ip = texts.same(event.ip);
  const source = sourceOf(event.ip, config.ipv6Prefix);
  return {
    at,
    happened: at,
    late: Date.parse(event.storedAt) - at > config.lateAfterMs,
    id: event.id,
    agent: numberOf(event.agent),
    outcome: event.outcome,
    host: texts.same(event.host),
    source: source === event.ip ? ip : texts.same(source),
    ip,
    user: texts.same(name(event.user)),
    method: texts.same(event.method),
  };
}

/** Before, by the order that does not depend on which agent's event came first: time, agent, the agent's own order. */
export function comesBefore(a: Seen, b: Seen): boolean {
  return a.at !== b.at ? a.at < b.at : a.agent !== b.agent ? a.agent < b.agent : a.id < b.id;
}

const CODES: readonly Outcome[] = ['accepted', 'failed', 'probe'];

/** A Seen as it is kept on disk. */
export type PackedSeen = readonly [
  at: number,
  since: number,
  late: 0 | 1,
  id: number,
  agent: number,
  outcome: number,
  host: string,
  source: string | null,
  ip: string | null,
  user: string | null,
  method: string | null,
];

/** The shorter form; `unpackSeen` gives the same back. */
export function packSeen(s: Seen): PackedSeen {
  const ip = s.ip === s.source ? null : s.ip;
  return [
    s.at,
    s.at - s.happened,
    s.late ? 1 : 0,
    s.id,
    s.agent,
    CODES.indexOf(s.outcome),
    s.host,
    s.source,
    ip,
    s.user,
    s.method,
  ];
}

/** Undoes `packSeen`. An outcome it does not know becomes a probe. */
export function unpackSeen([at, since, late, id, agent, code, host, source, ip, user, method]: PackedSeen): Seen {
  const outcome = CODES[code] ?? 'probe';
  return {
    at,
    happened: at - since,
    late: late === 1,
    id,
    agent,
    outcome,
    host,
    source,
    ip: ip ?? source,
    user,
    method,
  };
}
