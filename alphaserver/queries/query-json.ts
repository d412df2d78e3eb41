/** The API's large answers written out on the thread that reads: whoever serves them has nothing to do but send bytes. Pure. */

import { alertView } from './alert-views.ts';
import type { Answers } from './answers.ts';
import { eventCursor } from './results.ts';

type Given<Q extends keyof Shapes> = Exclude<ReturnType<Answers[Q]>, string>;
interface Shapes {
  readonly top: unknown;
  readonly timeline: unknown;
  readonly events: unknown;
  readonly alerts: unknown;
}

/** Questions whose answers can be asked for in writing. */
export type Writable = keyof Shapes;

const NAMES = { hosts: 'host', sources: 'ip', users: 'user' } as const;

function top(kind: keyof typeof NAMES, { ranks, error }: Given<'top'>): unknown {
  const rows = ranks.map(({ value, hosts, users, ...rank }) => ({
    [NAMES[kind]]: value,
    ...rank,
    ...(kind === 'sources' ? { hosts, users } : {}),
  }));
  return { [kind]: rows, error };
}

/** An answer in the shape that the API's schema has, as JSON in UTF-8, in memory that nobody else uses. A word stays a word. */
export function written<Q extends Writable>(
  question: Q,
  values: Parameters<Answers[Q]>,
  answer: ReturnType<Answers[Q]>,
): Uint8Array<ArrayBuffer> | string {
  if (typeof answer === 'string') return answer;
  return new TextEncoder().encode(JSON.stringify(shape(question, values, answer)));
}

function shape(question: Writable, values: readonly unknown[], answer: unknown): unknown {
  switch (question) {
    case 'top':
      return top(values[0] as keyof typeof NAMES, answer as Given<'top'>);
    case 'timeline':
      return answer;
    case 'events': {
      const { events, next } = answer as Given<'events'>;
      return { events, next: next && eventCursor(next) };
    }
    case 'alerts': {
      const { incidents, next } = answer as Given<'alerts'>;
      return { alerts: incidents.map(alertView), next };
    }
  }
}
