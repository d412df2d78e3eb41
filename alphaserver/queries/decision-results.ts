/** The interface of decisions of people. */
import type { Standing } from '../alerting/standing.ts';
import type { DecisionEntry } from './decisions.ts';

/** Decisions, newest first, and where to go on. */
export interface DecisionPage {
  readonly decisions: readonly DecisionEntry[];
  readonly next: number | null;
}

/** Shows and takes decisions. What is taken is shown by the next question. */
export interface DecisionQueries {
  /** `holding`: the blocks, allowances and silences alone that hold now. */
  list(limit: number, before: number | null, holding: boolean): Promise<DecisionPage>;
  /**
   * Takes a decision. Resolves with its id once it is durable; with `full` where it is not taken, since STANDING_LIMIT of its kind hold; with
   * null where so many others were taken meanwhile that it is not found.
   */
  decide(standing: Standing, by: string): Promise<number | 'full' | null>;
  /** Ends a decision. False for an id that there is not, or one that is undone already. */
  undo(id: number, why: string, by: string): Promise<boolean>;
}
