/** Sends lists as CSV: a page with the address of the next one, or all rows by paging within one download. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { LIMIT_MOST } from './api-schema.ts';
import { BYTE_ORDER_MARK, csvHead, csvRows } from './csv.ts';
import { Holdings, keyOf, ownerOf } from './owner.ts';
import { whenClosed } from './when-closed.ts';

/** Downloads of all rows at once; each holds a page of them. */
export const DOWNLOADS_LIMIT = 4;
/** Those of one user or token, or of one address without a name. */
export const DOWNLOADS_OF_OWNER_LIMIT = 2;

/** A page of a list, and the cursor of the next one. */
interface Page<C> {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly next: C | null;
}

/** A list that is asked for. */
export interface CsvList<C> {
  /** The name of the file, without `.csv`. */
  readonly name: string;
  readonly columns: readonly string[];
  /** True where the file begins with a byte order mark. */
  readonly marked: boolean;
  /** The most rows; null for all there are. */
  readonly limit: number | null;
  readonly cursor: C | null;
  readonly page: (cursor: C | null, limit: number) => Promise<Page<C>>;
  /** Writes a cursor for the address of the next page. */
  readonly cursorText: (cursor: C) => string;
  /** The address that was asked for. */
  readonly url: string;
}

/** Sends lists, and bounds the downloads of all rows. */
export class CsvDownloads {
  readonly #running = new Holdings();

  /** Sends a list. Rejects with the errors of its first page; one of a later page breaks the download off. */
  async send<C>(reply: FastifyReply, list: CsvList<C>): Promise<never> {
    const { name, columns, marked, limit, cursor, page, cursorText, url } = list;
    const withHead = (): FastifyReply =>
      reply.type('text/csv; charset=utf-8').header('content-disposition', `attachment; filename="${name}.csv"`);
    // Fastify answers HEAD with the handler of GET, and throws away what it sends as fast as that comes: all pages would be read, at
    // nobody's pace, after the answer is over and no longer counts.
    if (limit === null && reply.request.method === 'HEAD') return withHead().send(Readable.from([])) as never;
    if (limit === null) {
      const owner = keyOf(ownerOf(reply.request));
      const isOverShare = this.#running.of(owner) >= DOWNLOADS_OF_OWNER_LIMIT;
      if (isOverShare || this.#running.all >= DOWNLOADS_LIMIT) return refuse(reply, isOverShare) as never;
      // Before the first page is read: it takes its time, and downloads that begin meanwhile count this one.
      whenClosed(reply.raw, this.#running.hold(owner, 1));
    }
    const first = await page(cursor, limit ?? LIMIT_MOST);
    const text = (marked ? BYTE_ORDER_MARK : '') + csvHead(columns) + csvRows(columns, first.rows);
    withHead();
    if (limit !== null) {
      if (first.next !== null) reply.header('link', `<${addressOf(url, cursorText(first.next))}>; rel="next"`);
      return reply.serializer((csv: string) => csv).send(text) as never;
    }
    return reply.send(Readable.from(allPages(list, text, first.next), { objectMode: false })) as never;
  }
}

/** Refuses one download too many: of its owner, or of all. */
function refuse(reply: FastifyReply, isOverShare: boolean): FastifyReply {
  const [status, error, message] = isOverShare
    ? ([429, 'too_many', `${DOWNLOADS_OF_OWNER_LIMIT} of your downloads of all rows are under way`] as const)
    : ([503, 'busy', `${DOWNLOADS_LIMIT} downloads of all rows are under way`] as const);
  return reply
    .status(status)
    .header('retry-after', '5')
    .send({ error, message: `${message}; ask again later` });
}

/** Yields the rows of all pages, each read when the ones before it were taken. */
async function* allPages<C>({ columns, page }: CsvList<C>, text: string, next: C | null): AsyncGenerator<string> {
  yield text;
  for (let cursor = next; cursor !== null; ) {
    const further = await page(cursor, LIMIT_MOST);
    yield csvRows(columns, further.rows);
    cursor = further.next;
  }
}

/** Returns the address of a question from a cursor on. */
function addressOf(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  searchParams.set('cursor', cursor);
  return `${pathname}?${searchParams}`;
}
