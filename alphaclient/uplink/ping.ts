/** What the agent tells with its pings: how it is doing, and what is new in its radar and among its gaps. */
import {
  type AgentReport,
  type DeclaredGap,
  GAPS_PER_PING,
  SHAPES_PER_PING,
  type ShapeCount,
} from '../../protocol/report.ts';

/** Where it is told from. */
export interface TellingOf {
  readonly report: () => AgentReport;
  readonly shapes: () => readonly ShapeCount[];
  /** Gaps numbered above `id`, oldest first. */
  readonly gapsAfter: (id: number, limit: number) => DeclaredGap[];
}

/** Shapes remembered as told; the radar keeps fewer, but lets go of old ones. */
const TOLD_LIMIT = 1_024;

/** Keeps what the server on this connection has been told. All of it are totals: told twice does no harm. */
export class Telling {
  readonly #of: TellingOf;
  #counts = new Map<string, number>();
  #gap = 0;

  constructor(of: TellingOf) {
    this.#of = of;
  }

  /** What the next ping carries. `fresh`: on a new connection, nothing counts as told. */
  next(fresh: boolean): { report: AgentReport; shapes: ShapeCount[]; gaps: DeclaredGap[] } {
    if (fresh) this.#gap = 0;
    if (fresh || this.#counts.size > TOLD_LIMIT) this.#counts.clear();
    const shapes = this.#of
      .shapes()
      .filter(({ shape, count }) => this.#counts.get(shape) !== count)
      .slice(0, SHAPES_PER_PING);
    for (const { shape, count } of shapes) this.#counts.set(shape, count);
    const gaps = this.#of.gapsAfter(this.#gap, GAPS_PER_PING);
    this.#gap = gaps.at(-1)?.id ?? this.#gap;
    return { report: this.#of.report(), shapes, gaps };
  }
}
