/** Sends a page of a list as CSV. */
import type { FastifyReply } from 'fastify';
import { csvHead, csvRows } from './csv.ts';

/** A page of a list: its columns and rows, and the cursor of the next page. */
export interface CsvPage {
  /** The name of the file, without `.csv`. */
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly next: string | null;
  /** The address that was asked for. */
  readonly url: string;
}

/** Sends the page, with the address of the next one in the Link header. */
export function sendCsv(reply: FastifyReply, { name, columns, rows, next, url }: CsvPage): never {
  if (next !== null) reply.header('link', `<${addressOf(url, next)}>; rel="next"`);
  reply.type('text/csv; charset=utf-8').header('content-disposition', `attachment; filename="${name}.csv"`);
  return reply.serializer((csv: string) => csv).send((csvHead(columns) + csvRows(columns, rows)) as never) as never;
}

/** Returns the address of a question from a cursor on. */
export function addressOf(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  searchParams.set('cursor', cursor);
  return `${pathname}?${searchParams}`;
}
