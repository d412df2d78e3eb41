/** What the filter of a viewer takes of the messages of the live stream, each judged and written out once however many watch. */
import {
  isWithin,
  type Network,
  networkOf,
  readNetwork,
  type SourceBits,
  sourceBits,
} from '../../service/ip-network.ts';
import type { StoredEvent } from '../store/store.ts';

/** The conditions of one viewer; null leaves a condition out. */
export interface StreamFilter {
  readonly host: string | null;
  /** An address, or a network in CIDR form. */
  readonly ip: string | null;
  readonly user: string | null;
  readonly outcome: string | null;
  readonly method: string | null;
}

/** A filter with what is read of it once: reading a network anew for each event and viewer would stop the thread that stores. */
export interface ReadFilter extends StreamFilter {
  /** The network that `ip` is; null for an address. */
  readonly network: Network | null;
  /** The /64 that an IPv6 address `ip` is in: alerts name it as their source. */
  readonly source: string | null;
  /** One text for all filters with the same conditions. */
  readonly key: string;
}

/** Reads a filter for `add`. */
export function readFilter({ host, ip, user, outcome, method }: StreamFilter): ReadFilter {
  const key = JSON.stringify([host, ip, user, outcome, method]);
  return {
    host,
    ip,
    user,
    outcome,
    method,
    network: ip?.includes('/') ? readNetwork(ip) : null,
    source: networkOf(ip),
    key,
  };
}

/** The kinds of messages beside events. */
export type OtherKind = 'alert' | 'gap' | 'session';

/** The message of an event: it is written out once somebody takes it, and its address is read once a filter names a network. */
interface EventItem {
  readonly event: StoredEvent;
  text: string | null;
  bits: SourceBits | null | undefined;
}
/** A message for viewers, as it is written to them. */
export type Item =
  | EventItem
  | { readonly event: null; readonly text: string; readonly kind: OtherKind; readonly what: unknown };

export const itemOf = (event: StoredEvent): EventItem => ({ event, text: null, bits: undefined });

export function textOf(item: Item): string {
  if (item.event === null) return item.text;
  item.text ??= written(item.event);
  return item.text;
}

function written(event: StoredEvent): string {
  return `id: ${event.id}\nevent: event\ndata: ${JSON.stringify(event)}\n\n`;
}

/** True when an event passes a filter, as `GET /api/events` filters. */
export function passes(filter: ReadFilter | null, item: EventItem): boolean {
  if (filter === null) return true;
  const { host, ip, user, outcome, method, network } = filter;
  const { event } = item;
  if (
    (host !== null && event.host !== host) ||
    (user !== null && event.user !== user) ||
    (outcome !== null && event.outcome !== outcome) ||
    (method !== null && event.method !== method)
  )
    return false;
  if (network === null) return ip === null || event.ip === ip;
  if (item.bits === undefined) item.bits = sourceBits(event.ip);
  return isWithin(network, item.bits);
}

/** True when an alert, a gap or a session may be about what a filter names: what it does not name itself, it may be about. */
function concerns(filter: ReadFilter | null, kind: OtherKind, what: unknown): boolean {
  if (filter === null) return true;
  // A session is a login: of another method, or of what was refused, it is not.
  if (kind === 'session') {
    const { method } = what as { method: string | null };
    if ((filter.outcome ?? 'accepted') !== 'accepted' || (filter.method ?? method) !== method) return false;
  }
  const given = what as { host?: string | null; source?: string | null; user?: string | null; ip?: string | null };
  const { host, user, source = given.ip } = given;
  const { ip, network } = filter;
  // Of a gap nothing but the host is known.
  if (kind === 'gap' && (ip ?? filter.user ?? filter.outcome ?? filter.method) !== null) return false;
  return (
    (filter.host === null || !host || host === filter.host) &&
    (filter.user === null || !user || user === filter.user) &&
    (ip === null ||
      !source ||
      source === ip ||
      source === filter.source ||
      (network !== null && isWithin(network, source)))
  );
}

/** What one filter takes of the messages of one flush: judged and encoded once for all viewers that have it. */
export class Selection {
  readonly #items: readonly Item[];
  readonly #filter: ReadFilter | null;
  #taken: readonly Item[] | null = null;
  #others: readonly Item[] | null = null;
  #whole: Buffer | null = null;

  constructor(items: readonly Item[], filter: ReadFilter | null) {
    this.#items = items;
    this.#filter = filter;
  }

  /** All that it takes. Not asked for where all are behind: judging and writing out a flood would cost a core that stores it. */
  get taken(): readonly Item[] {
    this.#taken ??= this.#items.filter((item) => this.#takes(item));
    return this.#taken;
  }

  /** Those without events, for viewers that get events from the store. */
  get others(): readonly Item[] {
    this.#others ??= this.#items.filter((item) => item.event === null && this.#takes(item));
    return this.#others;
  }

  /** True once `whole` was asked for: to ask again costs nothing. */
  get isEncoded(): boolean {
    return this.#whole !== null;
  }

  /** The text of all that it takes: its viewers share this memory. */
  get whole(): Buffer {
    this.#whole ??= Buffer.from(this.taken.map(textOf).join(''));
    return this.#whole;
  }

  #takes(item: Item): boolean {
    return item.event === null ? concerns(this.#filter, item.kind, item.what) : passes(this.#filter, item);
  }
}

/**
 * The bytes that are encoded for all filters of one flush together: some 100 ms of the thread that stores. A thousand filters that take
 * most of a flush would hold it for seconds.
 */
export const ENCODED_PER_FLUSH_BYTES = 4_194_304;

/** The messages of one flush, with what each filter takes of them. */
export class Flush {
  readonly #items: readonly Item[];
  readonly #viewerBytes: number;
  readonly #selections = new Map<string | null, Selection>();
  #isFlood: boolean | null = null;
  #encodedBytes = 0;

  /** `viewerBytes`: what may wait for one viewer. */
  constructor(items: readonly Item[], viewerBytes: number) {
    this.#items = items;
    this.#viewerBytes = viewerBytes;
  }

  /** Returns what a filter takes. */
  selection(filter: ReadFilter | null): Selection {
    const key = filter === null ? null : filter.key;
    const known = this.#selections.get(key);
    if (known) return known;
    const selection = new Selection(this.#items, filter);
    this.#selections.set(key, selection);
    return selection;
  }

  /**
   * Returns the bytes of a selection, to be written now; Infinity where its viewers have to read them from the store: the flush is
   * more than may wait for one viewer, whatever filters take of it, or ENCODED_PER_FLUSH_BYTES were encoded for other filters.
   */
  bytesOf(selection: Selection): number {
    this.#isFlood ??= areLonger(this.#items, this.#viewerBytes);
    if (this.#isFlood) return Infinity;
    if (!selection.isEncoded) {
      if (this.#encodedBytes >= ENCODED_PER_FLUSH_BYTES) return Infinity;
      this.#encodedBytes += selection.whole.length;
    }
    return selection.whole.length;
  }
}

/** True where the texts of messages have more bytes than that; those beyond are not written out. */
function areLonger(items: readonly Item[], bytes: number): boolean {
  let left = bytes;
  return items.some((item) => {
    left -= Buffer.byteLength(textOf(item));
    return left < 0;
  });
}
