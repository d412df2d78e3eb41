/** Collects what the agent reports with its pings: its state, and what is new among its unknown messages and its gaps. */
import {
  type AgentReport,
  cutText,
  type DeclaredGap,
  GAPS_PER_PING,
  SHAPES_PER_PING,
  type ShapeCount,
} from '../../protocol/report.ts';
import { type OpenSessions, SESSIONS_PER_PING } from '../../protocol/session.ts';

/** The sources of a ping's content. */
export interface PingSources {
  readonly report: () => AgentReport;
  /** The unknown messages, counted by shape. */
  readonly shapes: () => readonly ShapeCount[];
  /** Gaps numbered above `id`, oldest first. */
  readonly gapsAfter: (id: number, limit: number) => DeclaredGap[];
  /** The open sessions, all in one list; null before the log is followed. */
  readonly open: () => OpenSessions | null;
}

/** The content of one ping. */
export interface PingContent {
  readonly report: AgentReport;
  readonly shapes: readonly ShapeCount[];
  readonly gaps: readonly DeclaredGap[];
  readonly open?: OpenSessions;
}

/** Shapes remembered as sent. The agent keeps fewer, but evicts old ones. */
const SENT_SHAPES_LIMIT = 1_024;

/** Remembers what was sent on this connection. All numbers are totals, so that sending one twice does no harm. */
export class PingBuilder {
  readonly #sources: PingSources;
  #sentCounts = new Map<string, number>();
  #lastGap = 0;

  constructor(sources: PingSources) {
    this.#sources = sources;
  }

  /**
   * Returns the content of the next pings: one, and more where the open sessions do not fit into it, as beside shapes or gaps. On a
   * new connection everything counts as new.
   */
  next(isNewConnection: boolean): [PingContent, ...PingContent[]] {
    if (isNewConnection) this.#lastGap = 0;
    if (isNewConnection || this.#sentCounts.size > SENT_SHAPES_LIMIT) this.#sentCounts.clear();
    const shapes = this.#sources
      .shapes()
      .filter(({ shape, count }) => this.#sentCounts.get(shape) !== count)
      .slice(0, SHAPES_PER_PING)
      .map((shape) => ({ ...shape, sample: cutText(shape.sample) }));
    for (const { shape, count } of shapes) this.#sentCounts.set(shape, count);
    // A gap's text has up to two paths, of 4,096 bytes each: a ping with many would be too long a line, again on each connection.
    const gaps = this.#sources
      .gapsAfter(this.#lastGap, GAPS_PER_PING)
      .map((gap) => ({ ...gap, text: cutText(gap.text) }));
    this.#lastGap = gaps.at(-1)?.id ?? this.#lastGap;
    const report = this.#sources.report();
    const parts = partsOf(this.#sources.open());
    // A full part leaves no room for the longest shapes and gaps in its line.
    const first = shapes.length + gaps.length === 0 ? parts.shift() : undefined;
    return [
      { report, shapes, gaps, ...(first && { open: first }) },
      ...parts.map((open) => ({ report, shapes: [], gaps: [], open })),
    ];
  }
}

/** Cuts a list of sessions into parts that fit a line. An empty list has one part. */
function partsOf(open: OpenSessions | null): OpenSessions[] {
  if (open === null || open.list.length <= SESSIONS_PER_PING) return open === null ? [] : [open];
  const parts: OpenSessions[] = [];
  const unconfirmed = new Set(open.unconfirmed);
  for (let from = 0; from < open.list.length; from += SESSIONS_PER_PING) {
    const list = open.list.slice(from, from + SESSIONS_PER_PING);
    const isFirst = from === 0;
    parts.push({
      ...open,
      from,
      list,
      unconfirmed: list.filter((seq) => unconfirmed.has(seq)),
      unexplained: isFirst ? open.unexplained : [],
    });
  }
  return parts;
}
