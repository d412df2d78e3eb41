/** The progress of the rules in the log of events, read from the files: whether or not the alert thread still runs. */
import { arrays, type Database, isAttached } from '../store/database.ts';
import { readerOf } from '../store/event-tables.ts';

/** The rules may be this far behind what is stored, milliseconds. Further behind, an attack of now would not show, and the state is `unknown`. */
export const RULES_LAG_LIMIT_MS = 10_000;

/** Times at which events were stored, Unix milliseconds. */
export interface RuleProgress {
  /** The newest event; null where none is stored. */
  readonly storedMs: number | null;
  /** The newest event that is judged; null where none is. */
  readonly judgedMs: number | null;
  /** The oldest event that is not judged; null where none waits. */
  readonly waitingSinceMs: number | null;
}

/** Reads how far the rules are. On a store that no rules ever ran on, all events wait. */
export function ruleProgress(db: Database): RuleProgress {
  const events = readerOf(db);
  return events.consistent(() => {
    const storedAt = (id: number): number | null => (events.withId('storedAt', id)?.[0] as number | undefined) ?? null;
    const { first, last } = events.bounds();
    const position = first === null ? last : Math.min(last, positionIn(db));
    return {
      storedMs: storedAt(last),
      judgedMs: storedAt(position),
      waitingSinceMs: position >= last ? null : ((events.after('storedAt', position, 1)[0]?.[0] as number) ?? null),
    };
  });
}

/** Returns the position of alerts.db, whose table `marks` holds it. */
function positionIn(db: Database): number {
  if (!isAttached(db, 'alerts')) return 0;
  const [row] = arrays(db, "SELECT value FROM alerts.marks WHERE name = 'position'") as [number][];
  return row?.[0] ?? 0;
}

/** Says why the rules cannot be vouched for; null where they are near enough. */
export function lagWords({ waitingSinceMs }: RuleProgress, nowMs: number): string | null {
  const lagMs = waitingSinceMs === null ? 0 : nowMs - waitingSinceMs;
  if (lagMs <= RULES_LAG_LIMIT_MS) return null;
  return `The rules are ${Math.floor(lagMs / 1_000)} s behind what is stored`;
}
