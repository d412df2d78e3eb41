/**
 * Decisions of people beyond single incidents: addresses blocked or allowed by hand, and rules silenced, each until a time,
 * each undone by another decision. Projected from the log of decisions. Pure.
 */
import type { Silence } from '../alert-config/settings.ts';
import type { Decision, NewDecision } from '../store/decisions.ts';

/** The kinds of decisions that hold for a while. */
export const STANDING_KINDS = ['blocked', 'allowed', 'silenced'] as const;
export type StandingKind = (typeof STANDING_KINDS)[number];
/**
 * The most decisions of each kind that hold at a time: one more is refused. It is a limit of what is taken, not of what holds: where servers of
 * a shared log take decisions at the same moment, or a version without the limit took them, more hold, and all of them on all servers.
 */
export const STANDING_LIMIT = 10_000;
/** The decision that ends another; its subject is that one's id. */
export const UNDONE = 'undone';

/**
 * A decision that holds for a while. A block and an allowance name a source; a silence any of the three, null for all. `source` is an
 * address or a network, or several with commas between; `host` a name, or several with spaces between, which no name has: what somebody
 * decides about a group is one decision. Unix milliseconds.
 */
export interface Standing extends Silence {
  readonly kind: StandingKind;
  /** Null: until it is undone. */
  readonly untilMs: number | null;
  readonly why: string;
}

/** A decision with who made it, and who ended it. */
export interface Decided extends Standing {
  readonly id: number;
  readonly at: number;
  readonly by: string | null;
  readonly undoneAt: number | null;
  readonly undoneBy: string | null;
}

/** Makes a decision of the log. */
export const standingDecision = ({ kind, ...body }: Standing, by: string): NewDecision => ({
  kind,
  subject: body.source ?? body.host ?? body.rule ?? '',
  by,
  body,
});

/** Makes the decision that ends one. */
export const undoing = (id: number, why: string, by: string): NewDecision => ({
  kind: UNDONE,
  subject: String(id),
  by,
  body: { why },
});

/** Tells whether a decision is of a kind that holds for a while. */
export const isStanding = (kind: string): kind is StandingKind => (STANDING_KINDS as readonly string[]).includes(kind);

/** Reads a decision of one of these kinds, with the first one that ended it; null where none did. */
export function decidedOf(
  { id, at, kind, by, body }: Omit<Decision, 'subject' | 'kind'> & { readonly kind: StandingKind },
  undone: Pick<Decision, 'at' | 'by'> | null,
): Decided {
  const { rule = null, host = null, source = null, untilMs = null, why = '' } = body as Partial<Standing>;
  return {
    id,
    at,
    kind,
    by,
    rule,
    host,
    source,
    untilMs,
    why,
    undoneAt: undone?.at ?? null,
    undoneBy: undone?.by ?? null,
  };
}

/** Tells whether two decisions say the same, whoever made them and when. */
export const isSameStanding = (one: Standing, other: Standing): boolean =>
  one.kind === other.kind &&
  one.source === other.source &&
  one.host === other.host &&
  one.rule === other.rule &&
  one.untilMs === other.untilMs &&
  one.why === other.why;

/** Tells whether a decision holds at a time. */
export const holds = ({ untilMs, undoneAt }: Pick<Decided, 'untilMs' | 'undoneAt'>, nowMs: number): boolean =>
  undoneAt === null && (untilMs === null || untilMs > nowMs);

/** The decisions that hold at one time, by kind. */
export interface Holding {
  readonly blocks: readonly { readonly address: string; readonly untilMs: number; readonly by: string }[];
  readonly allows: readonly string[];
  readonly silences: readonly Silence[];
}

/** No decision holds. */
export const NOTHING_HOLDS: Holding = { blocks: [], allows: [], silences: [] };

/** Returns what holds at a time. */
export function holding(decided: readonly Decided[], nowMs: number): Holding {
  const of = (kind: StandingKind): Decided[] => decided.filter((one) => one.kind === kind && holds(one, nowMs));
  return {
    blocks: of('blocked').flatMap(({ source, untilMs, by }) =>
      sourcesIn(source).map((address) => ({ address, untilMs: untilMs ?? Number.MAX_SAFE_INTEGER, by: by ?? '' })),
    ),
    allows: of('allowed').flatMap(({ source }) => sourcesIn(source)),
    silences: of('silenced').flatMap(({ rule, host, source }): Silence[] =>
      eachOf(host, ' ').flatMap((onHost) => eachOf(source, ',').map((from) => ({ rule, host: onHost, source: from }))),
    ),
  };
}

/** Null alone stands for all. */
const eachOf = (names: string | null, between: string): (string | null)[] => names?.split(between) ?? [null];
const sourcesIn = (source: string | null): string[] => (source === null ? [] : source.split(','));
