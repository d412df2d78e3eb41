/**
 * Decisions of people beyond single incidents: addresses blocked or allowed by hand, and rules silenced, each until a time,
 * each undone by another decision. Projected from the log of decisions. Pure.
 */
import type { Rule } from '../alert-config/rules.ts';
import type { Silence } from '../alert-config/settings.ts';
import type { Decision, NewDecision } from '../store/decisions.ts';

/** The kinds of decisions that hold for a while. */
export const STANDING_KINDS = ['blocked', 'allowed', 'silenced'] as const;
export type StandingKind = (typeof STANDING_KINDS)[number];
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

/** Reads decisions of these kinds, in their order. What is undone twice stays undone by the first. */
export function decidedIn(decisions: readonly Decision[]): Decided[] {
  const known = new Map<string, Decided>();
  for (const { id, at, kind, subject, by, body } of decisions) {
    if (kind === UNDONE) {
      const undone = known.get(subject);
      if (undone?.undoneAt === null) known.set(subject, { ...undone, undoneAt: at, undoneBy: by });
    } else if ((STANDING_KINDS as readonly string[]).includes(kind)) {
      const { rule = null, host = null, source = null, untilMs = null, why = '' } = body as Partial<Standing>;
      const standing = { kind: kind as StandingKind, rule: rule as Rule | null, host, source, untilMs, why };
      known.set(String(id), { id, at, by, ...standing, undoneAt: null, undoneBy: null });
    }
  }
  return [...known.values()];
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
