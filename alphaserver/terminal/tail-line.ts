/** One event as a line for people. Pure. */
import { inked, type Paper } from '../../service/paper.ts';
import { printable } from '../../service/printable.ts';
import { fitted, padded, width } from '../../service/width.ts';
import type { StoredEvent } from '../store/store.ts';

const INKS = { accepted: 'green', failed: 'yellow', probe: 'dim' } as const;
/** Text of others is cut to this before anything else. */
const TEXT_LIMIT_CHARS = 120;
/** A line on wide paper has the date, on narrow paper little but who and where. */
const WIDE_COLUMNS = 100;
const NARROW_COLUMNS = 60;
/** An IPv4 address with its port. */
const SOURCE_COLUMNS = 21;

/** The line, without its line feed: no wider than the paper. */
export function tailLine(event: StoredEvent, paper: Paper): string {
  const columns = paper.columns ?? Number.POSITIVE_INFINITY;
  const [time, rest] = [timeOf(event, columns), restOf(event, columns)];
  const outcome = event.outcome.padEnd('accepted'.length);
  const shown = inked(outcome, INKS[event.outcome], paper);
  const room = columns - width(time) - width(outcome) - 2;
  return `${time} ${shown} ${room === Number.POSITIVE_INFINITY ? rest : fitted(rest, room)}`.trimEnd();
}

function timeOf({ at }: StoredEvent, columns: number): string {
  return columns < WIDE_COLUMNS ? at.slice(11, 19) : at.slice(0, 19).replace('T', ' ');
}

function restOf(event: StoredEvent, columns: number): string {
  const host = printable(event.host, TEXT_LIMIT_CHARS);
  const { ip, port } = event;
  const source = ip === null ? '-' : printable(ip, TEXT_LIMIT_CHARS);
  const user = userOf(event);
  if (columns < NARROW_COLUMNS) return `${source} ${user}@${host}`;
  const where = port === null || ip === null ? source : ip.includes(':') ? `[${source}]:${port}` : `${source}:${port}`;
  const [hostColumns, userColumns] = columns < WIDE_COLUMNS ? [10, 12] : [16, 20];
  // So that a long name never pushes the source off the line.
  const most = Math.floor(columns / 4);
  const words = [event.method, event.invalidUser ? 'invalid user' : null, event.reason, event.key];
  const detail = words.filter((word) => word !== null && word !== undefined && word !== '');
  return [
    inColumn(host, hostColumns, most),
    inColumn(user, userColumns, most),
    inColumn(where, SOURCE_COLUMNS, columns),
    ...(detail.length === 0 ? [] : [printable(detail.join(', '), TEXT_LIMIT_CHARS)]),
  ].join(' ');
}

/** At least `least` wide, so that columns stand below each other as far as they can, and at most `most`. */
const inColumn = (text: string, least: number, most: number): string =>
  padded(fitted(text, most), Math.max(least, Math.min(width(text), most)));

function userOf({ user }: StoredEvent): string {
  if (user === null) return '-';
  return user === '' ? '(empty)' : printable(user, TEXT_LIMIT_CHARS);
}
