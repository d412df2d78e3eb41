/** `GET /api/stream`: what is stored, as it is stored, to everyone who watches, as server-sent events. */
import type { Writable } from 'node:stream';
import { Turns } from '../../service/turns.ts';
import type { Views } from '../queries/results.ts';
import type { Appended, StoredSession } from '../store/store.ts';
import type { Access } from './access.ts';
import { STREAM } from './api-schema.ts';
import { keyOf, type Owner, ownerOf } from './owner.ts';
import { type ApiApp, ParameterError } from './parameters.ts';
import {
  Flush,
  type Item,
  itemOf,
  type OtherKind,
  passes,
  type ReadFilter,
  readFilter,
  type StreamFilter,
  textOf,
} from './stream-filter.ts';
import { whenClosed } from './when-closed.ts';

/** The most viewers at once; more get 503. */
export const VIEWERS_LIMIT = 1_000;
/** The most viewers of one user or token; more get 429. A tab of the page is one viewer while somebody sees it, and a browser keeps six. */
export const VIEWERS_OF_NAME_LIMIT = 100;
/** The most viewers of one address that give no name, as for connections: it may be a proxy's, and others can watch whatever it does. */
export const VIEWERS_OF_ADDRESS_LIMIT = 500;
/** The bytes that may wait for one viewer's network. Above it nothing is added: the viewer is served from the store, at its own pace. */
export const VIEWER_BUFFER_BYTES = 262_144;
/** A viewer whose network takes nothing for this long is dropped. It may come back and goes on where it was. */
export const STALL_LIMIT_MS = 15_000;
/** Interval of the heartbeat: finds viewers that vanished without a word, and lets the page find in ten seconds that the stream did. */
const HEARTBEAT_MS = 4_000;
/** A message, since browsers show no comment to the page; with data, since they drop a message without. */
const HEARTBEAT = 'event: heartbeat\ndata: {}\n\n';
/** Lets who comes back know of another store in the place of the one before: its newest id is below one that they have. */
const firstHeartbeat = (newest: number): string => HEARTBEAT.replace('{}', JSON.stringify({ newest }));
/** Events read from the store at once for one that is behind. */
const CATCH_UP_EVENTS = 500;
/**
 * Viewers that are behind and read from the store in the same turn of the event loop. Each answer costs some milliseconds: with
 * dozens of them in one turn, agents would wait for their acknowledgements.
 */
const CATCH_UPS_AT_ONCE = 2;
/**
 * Viewers are written to at most this often: a screen shows no more, and a thousand viewers of a busy fleet would otherwise cost a
 * write for each of them at each commit.
 */
export const WRITE_EVERY_MS = 50;
/** The time after which a browser comes back after a break. */
const RETRY_MS = 2_000;

/** Why a viewer is refused, as HTTP says it. */
interface Refusal {
  readonly status: number;
  readonly error: string;
  readonly message: string;
}

interface Viewer {
  readonly stream: Writable;
  /** Whose it is: one text for all that are counted together. */
  readonly owner: string;
  /** Null: everything. */
  readonly filter: ReadFilter | null;
  /** False once who watches may not any more. */
  readonly stands: () => boolean;
  /** The newest event it was given, null before the first. */
  cursor: number | null;
  /** True while it is served from the store. */
  behind: boolean;
  /** The time since which its network has taken nothing; null while it takes. */
  stalledSinceMs: number | null;
}

/** The store, for viewers that are behind; the limits are VIEWERS_LIMIT and STALL_LIMIT_MS unless given. */
export interface LiveOptions {
  readonly views: Pick<Views, 'eventsAfter'>;
  /** Reads sessions by their ids. */
  readonly sessions: (ids: readonly number[]) => readonly StoredSession[];
  readonly now: () => number;
  /** Gives the newest id that is stored: a higher one is of another store. Null where servers share a log, since others may be ahead. */
  readonly newestId?: () => number | null;
  readonly viewersLimit?: number;
  readonly stallLimitMs?: number;
}

/** All viewers. Whatever they do, whoever stores never waits for them. */
export class Live {
  readonly #options: LiveOptions;
  readonly #viewers = new Set<Viewer>();
  readonly #heartbeat: NodeJS.Timeout;
  #newest = 0;
  /** Messages that are not written yet, in their order: those of WRITE_EVERY_MS at most. */
  readonly #queued: Item[] = [];
  /** Runs for WRITE_EVERY_MS after each write. */
  #timer: NodeJS.Timeout | null = null;
  readonly #catchUps = new Turns(CATCH_UPS_AT_ONCE);

  constructor(options: LiveOptions) {
    this.#options = options;
    const { stallLimitMs = STALL_LIMIT_MS } = options;
    this.#heartbeat = setInterval(() => this.#look(), Math.min(HEARTBEAT_MS, stallLimitMs / 2)).unref();
  }

  /** The number of viewers now. */
  get viewers(): number {
    return this.#viewers.size;
  }

  /** Hears of a commit. Each event is written out at most once, however many watch. */
  stored(batches: readonly Appended[]): void {
    const last = batches.flatMap(({ events }) => events).at(-1);
    if (last) this.#newest = last.id;
    for (const { gaps } of batches) for (const gap of gaps) this.#queueOther('gap', gap);
    if (this.#viewers.size > 0) {
      for (const session of this.#sessionsOf(batches)) this.#queueOther('session', session);
      for (const { events } of batches) for (const event of events) this.#queued.push(itemOf(event));
    }
    this.#flushSoon();
  }

  /** Sends an alert that opened or changed to everyone. Not repeated after a break: `GET /api/alerts` has them all. */
  alert(alert: unknown): void {
    this.#queueOther('alert', alert);
    this.#flushSoon();
  }

  /** Reads the sessions that began or ended. Only where somebody watches: each is a statement of the thread that stores. */
  #sessionsOf(batches: readonly Appended[]): readonly StoredSession[] {
    const ids = batches.flatMap(({ sessions }) => sessions);
    if (ids.length === 0) return [];
    try {
      return this.#options.sessions(ids);
    } catch {
      // The store cannot be read: the routes that ask it tell of the fault, and `GET /api/sessions` has them later.
      return [];
    }
  }

  /** Like alerts, gaps and sessions are not repeated after a break: `GET /api/gaps` and `GET /api/sessions` have them all. */
  #queueOther(kind: OtherKind, what: unknown): void {
    if (this.#viewers.size === 0) return;
    this.#queued.push({ event: null, kind, what, text: `event: ${kind}\ndata: ${JSON.stringify(what)}\n\n` });
  }

  /** Writes what is queued: at once after a quiet time, else when WRITE_EVERY_MS have passed since the last write. */
  #flushSoon(): void {
    if (this.#queued.length === 0 || this.#timer !== null) return;
    this.#flush();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#flushSoon();
    }, WRITE_EVERY_MS).unref();
  }

  #flush(): void {
    const items = this.#queued.splice(0);
    const events = items.flatMap(({ event }) => event ?? []);
    const [first, last] = [events[0], events.at(-1)];
    const flush = new Flush(items, VIEWER_BUFFER_BYTES);
    for (const viewer of this.#viewers) {
      if (first) viewer.cursor ??= first.id - 1;
      const { filter, cursor, stream } = viewer;
      const selection = flush.selection(filter);
      if (last && !viewer.behind && stream.writableLength + flush.bytesOf(selection) > VIEWER_BUFFER_BYTES)
        void this.#catchUp(viewer);
      // One who is behind gets events from the store alone, and may have some of these already.
      const isNew = ({ event }: Item): boolean => event === null || event.id > (cursor ?? 0);
      const texts = (taken: readonly Item[]): string => taken.map(textOf).join('');
      const isWhole = !first || first.id > (cursor ?? 0);
      const taken = viewer.behind
        ? texts(selection.others)
        : isWhole
          ? selection.whole
          : texts(selection.taken.filter(isNew));
      if (taken.length > 0) this.#write(viewer, taken);
      if (last && !viewer.behind) viewer.cursor = Math.max(viewer.cursor ?? 0, last.id);
    }
  }

  /** Returns why one more of this owner may not watch, or null. */
  refusal(owner: Owner): Refusal | null {
    const { viewersLimit = VIEWERS_LIMIT } = this.#options;
    if (this.#viewers.size >= viewersLimit) return { status: 503, error: 'busy', message: 'too many watch already' };
    const [whose, limit] =
      owner.name === null
        ? [`from ${owner.address}`, VIEWERS_OF_ADDRESS_LIMIT]
        : [`for ${owner.name}`, VIEWERS_OF_NAME_LIMIT];
    const key = keyOf(owner);
    const count = this.#viewers.values().reduce((sum, viewer) => sum + Number(viewer.owner === key), 0);
    if (count < limit) return null;
    return { status: 429, error: 'too_many', message: `${limit} streams are open ${whose} already: close some` };
  }

  /**
   * Serves a stream until it closes: from what is stored after `lastId`, or from now on, as far as the filter takes it. It goes on from now
   * too where `lastId` is of another store, such as the one before a backup was restored: its ids may be given again only much later. The
   * stream ends with the next heartbeat once `stands` is false: the session is over, or the token revoked.
   */
  add(
    stream: Writable,
    lastId: number | null,
    filter: StreamFilter | null = null,
    stands: () => boolean = () => true,
    owner: Owner = NOBODY,
  ): void {
    const newestId = this.#options.newestId?.() ?? null;
    const cursor = newestId !== null && (lastId ?? 0) > newestId ? null : lastId;
    const viewer: Viewer = {
      stream,
      owner: keyOf(owner),
      filter: filter && readFilter(filter),
      stands,
      cursor,
      behind: false,
      stalledSinceMs: null,
    };
    this.#viewers.add(viewer);
    whenClosed(stream, () => this.#viewers.delete(viewer));
    stream.on('drain', () => {
      viewer.stalledSinceMs = null;
    });
    // A broken connection: the close that follows says all there is to do.
    stream.on('error', () => stream.destroy());
    this.#write(viewer, `retry: ${RETRY_MS}\n\n${newestId === null ? '' : firstHeartbeat(newestId)}`);
    if (cursor !== null) void this.#catchUp(viewer);
  }

  /** Ends every stream. */
  close(): void {
    clearInterval(this.#heartbeat);
    if (this.#timer) clearTimeout(this.#timer);
    for (const { stream } of this.#viewers) stream.end();
  }

  /** Reads on from the store, as fast as the viewer takes it, until nothing newer is there. */
  async #catchUp(viewer: Viewer): Promise<void> {
    if (viewer.behind) return;
    viewer.behind = true;
    const { stream } = viewer;
    try {
      while (!stream.destroyed) {
        if (stream.writableNeedDrain) await flowing(stream);
        if (!(await this.#catchUps.run(() => this.#readOn(viewer)))) break;
      }
      viewer.behind = false;
    } catch {
      // The store cannot be read: the viewer comes back by itself, and the routes that ask the store tell of the fault.
      stream.destroy();
    }
  }

  /** Reads and writes what comes next, in one piece: as many events as fit what may wait for a viewer, at least one. False where none is left. */
  async #readOn(viewer: Viewer): Promise<boolean> {
    // It may have left while it waited for its turn.
    if (viewer.stream.destroyed) return false;
    const newest = this.#newest;
    const events = await this.#options.views.eventsAfter(viewer.cursor ?? this.#newest, CATCH_UP_EVENTS);
    const texts: string[] = [];
    let length = 0;
    for (const event of events) {
      if (length > VIEWER_BUFFER_BYTES) break;
      viewer.cursor = event.id;
      const item = itemOf(event);
      if (!passes(viewer.filter, item)) continue;
      const text = textOf(item);
      length += text.length;
      texts.push(text);
    }
    if (texts.length > 0) this.#write(viewer, texts.join(''));
    // Else a commit came between the question and the answer: its events were not written to one who is behind.
    return events.length > 0 || newest !== this.#newest;
  }

  #write({ stream }: Viewer, text: string | Buffer): void {
    // An HTTP answer calls itself writable after it was destroyed, and makes an error of each write.
    if (stream.writable && !stream.destroyed) stream.write(text);
  }

  /** Drops who takes nothing any more or may not watch any longer, and gives the others a heartbeat. */
  #look(): void {
    const { now, stallLimitMs = STALL_LIMIT_MS } = this.#options;
    for (const viewer of this.#viewers) {
      const { stream } = viewer;
      if (stream.writableNeedDrain) viewer.stalledSinceMs ??= now();
      const stalled = viewer.stalledSinceMs !== null && now() - viewer.stalledSinceMs >= stallLimitMs;
      if (!viewer.stands()) stream.end();
      else if (stalled || stream.writableLength > 4 * VIEWER_BUFFER_BYTES) stream.destroy();
      else this.#write(viewer, HEARTBEAT);
    }
  }
}

/** A viewer of the process itself. */
const NOBODY: Owner = { name: null, address: '' };

/** Resolves when a stream takes more, or is gone. */
function flowing(stream: Writable): Promise<void> {
  return new Promise((done) => {
    const end = (): void => {
      stream.off('drain', end);
      stream.off('close', end);
      done();
    };
    stream.on('drain', end);
    stream.on('close', end);
  });
}

/** The route. */
export function liveRoute(app: ApiApp, live: Live, access: Pick<Access, 'standing'>): void {
  app.get('/api/stream', STREAM, (request, reply) => {
    const given = request.headers['last-event-id'];
    if (given !== undefined && !/^\d{1,15}$/.test(String(given)))
      throw new ParameterError('Last-Event-ID', 'the id of an event that came by this stream');
    const owner = ownerOf(request);
    const refusal = live.refusal(owner);
    if (refusal !== null) {
      const { status, ...words } = refusal;
      void reply.status(status).header('retry-after', '30').send(words);
      return;
    }
    reply.hijack();
    reply.raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Tells a reverse proxy (nginx) not to hold events back.
      'x-accel-buffering': 'no',
    });
    const { query } = request;
    const isFiltered = Object.values(query).some((value) => value !== null);
    live.add(
      reply.raw,
      given === undefined ? null : Number(given),
      isFiltered ? query : null,
      access.standing(request),
      owner,
    );
  });
}
