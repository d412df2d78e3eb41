/** Events and batches as the rows of the shared log, in both directions. */
import { OUTCOMES, TRUSTS } from '../store/schema.ts';
import type { AgentBatch, SequencedEvent } from '../store/store.ts';
import { EVENT_COLUMNS } from './postgres-schema.ts';
import type { NewAppend } from './shared-log.ts';

/** A batch as `appends` keeps it: without its events, with how many were given. */
type BatchHead = Omit<AgentBatch, 'events' | 'repeats'> & { readonly given: number };

/** Gives the parameters of `asgard.append`. `storedMs` stands for the log's own clock where a store is migrated. */
export function appendValues({ name, batches, decisions }: NewAppend, storedMs: number | null): unknown[] {
  const heads = batches.map(({ events, repeats: _, ...rest }): BatchHead => ({ ...rest, given: events.length }));
  const rows = batches.flatMap((batch, i) => batch.events.map((one) => eventRow(one, batch.host, i)));
  const column = (place: number): unknown[] => rows.map((row) => row[place]);
  return [
    name,
    JSON.stringify(heads),
    batches.map(({ agent }) => agent),
    storedMs,
    ...Array.from({ length: EVENT_COLUMNS.length + 1 }, (_, place) => column(place)),
    decisions.map(({ kind }) => kind),
    decisions.map(({ subject }) => subject),
    decisions.map(({ by }) => by),
    decisions.map(({ body }) => JSON.stringify(body)),
  ];
}

/** Gives an event's values: the batch's place, and then EVENT_COLUMNS. */
function eventRow({ seq, event }: SequencedEvent, agentHost: string, batch: number): unknown[] {
  return [
    batch,
    seq,
    Date.parse(event.at),
    event.host ?? agentHost,
    OUTCOMES.indexOf(event.outcome),
    event.method,
    event.user,
    event.invalidUser,
    event.ip,
    event.port,
    event.key ?? null,
    event.reason ?? null,
    event.trust ? TRUSTS.indexOf(event.trust) : null,
    event.pid ?? null,
  ];
}

/** Puts the events of an append back into its batches. `rows` begins with the append's first event. */
export function batchesOf(text: string, counts: readonly number[], rows: readonly unknown[][]): AgentBatch[] {
  let next = 0;
  return (JSON.parse(text) as BatchHead[]).map(({ given, ...batch }, i) => {
    const count = counts[i] ?? 0;
    const events = rows.slice(next, next + count).map((row) => eventOf(row, batch.host));
    next += count;
    return { ...batch, events, repeats: given - count };
  });
}

function eventOf(row: readonly unknown[], agentHost: string): SequencedEvent {
  const [, seq, at, host, outcome, method, user, invalidUser, ip, port, key, reason, trust, pid] = row as [
    number,
    number | null,
    number,
    string,
    number,
    string | null,
    string | null,
    boolean | null,
    string | null,
    number | null,
    string | null,
    string | null,
    number | null,
    number | null,
  ];
  const word = OUTCOMES[outcome];
  if (word === undefined) throw new Error(`an event of the log has the outcome ${outcome}`);
  return {
    seq,
    event: {
      at: new Date(at).toISOString(),
      outcome: word,
      method,
      user,
      invalidUser,
      ip,
      port,
      ...(host === agentHost ? {} : { host }),
      ...(key === null ? {} : { key }),
      ...(reason === null ? {} : { reason }),
      ...(trust === null ? {} : { trust: TRUSTS[trust] ?? null }),
      ...(pid === null ? {} : { pid }),
    },
  };
}
