/** One event as a line for people. Pure. */
import { escapeText } from '../../service/escape.ts';
import { fitted, padded, width } from '../../service/terminal/display-width.ts';
import { styled, type Terminal } from '../../service/terminal/style.ts';
import { hostAndPort } from '../../service/value-parser.ts';
import type { StoredEvent } from '../store/store.ts';

const STYLES = { accepted: 'green', failed: 'yellow', probe: 'dim' } as const;
/** Text of others is cut to this before anything else. */
const TEXT_LIMIT_CHARS = 120;
/** A wide terminal shows the date and ports too; a narrow one only source, user and host. */
const WIDE_COLUMNS = 100;
const NARROW_COLUMNS = 80;
/** An IPv4 address, and one with its port. */
const ADDRESS_COLUMNS = 15;
const SOURCE_COLUMNS = 21;
/** The columns that a name keeps beside the longest address. */
const NAME_COLUMNS = 6;

/** The line, without its line feed: no wider than the terminal. */
export function tailLine(event: StoredEvent, terminal: Terminal): string {
  const columns = terminal.columns ?? Number.POSITIVE_INFINITY;
  const time = timeOf(event, columns);
  const outcome = event.outcome.padEnd('accepted'.length);
  const room = columns - width(time) - width(outcome) - 2;
  return `${time} ${styled(outcome, STYLES[event.outcome], terminal)} ${fitted(restOf(event, columns, room), room)}`.trimEnd();
}

function timeOf({ at }: StoredEvent, columns: number): string {
  return columns < WIDE_COLUMNS ? at.slice(11, 19) : at.slice(0, 19).replace('T', ' ');
}

function restOf(event: StoredEvent, columns: number, room: number): string {
  const host = escapeText(event.host, TEXT_LIMIT_CHARS);
  const user = userOf(event);
  const source = sourceOf(event, columns >= WIDE_COLUMNS);
  if (columns < NARROW_COLUMNS) return `${source} ${user}@${host}`;
  const [hostColumns, userColumns, sourceColumns] =
    columns < WIDE_COLUMNS ? [10, 12, ADDRESS_COLUMNS] : [16, 20, SOURCE_COLUMNS];
  // Long names share what the source, the gaps and a mark for what is cut leave: the source is what one looks for.
  const most = Math.max(NAME_COLUMNS, Math.floor((room - width(source) - 4) / 2));
  const forgeable = event.outcome === 'accepted' && event.trust === 'forgeable' ? 'forgeable log' : null;
  const words = [event.method, event.invalidUser ? 'invalid user' : null, event.reason, event.key, forgeable];
  const detail = words.filter((word) => word !== null && word !== undefined && word !== '');
  return [
    inColumn(host, hostColumns, most),
    inColumn(user, userColumns, most),
    inColumn(source, sourceColumns, Number.POSITIVE_INFINITY),
    ...(detail.length === 0 ? [] : [escapeText(detail.join(', '), TEXT_LIMIT_CHARS)]),
  ].join(' ');
}

function sourceOf({ ip, port }: StoredEvent, withPort: boolean): string {
  if (ip === null) return '-';
  const address = escapeText(ip, TEXT_LIMIT_CHARS);
  if (port === null || !withPort) return address;
  return hostAndPort(address, port);
}

/** Pads a text to `least` columns, so that columns stand below each other as far as they can, and at most `most`. */
const inColumn = (text: string, least: number, most: number): string =>
  padded(fitted(text, most), Math.min(Math.max(least, width(text)), most));

function userOf({ user }: StoredEvent): string {
  if (user === null) return '-';
  return user === '' ? '(empty)' : escapeText(user, TEXT_LIMIT_CHARS);
}
