/** Events and batches as the rows of the shared log, in both directions. */
import { OUTCOMES, TRUSTS } from '../store/schema.ts';
import type { AgentBatch, SequencedEvent } from '../store/store.ts';
import type { Parameter } from './postgres-call.ts';
import { EVENT_COLUMNS } from './postgres-schema.ts';
import type { NewAppend } from './shared-log.ts';

/** A batch as `appends` keeps it: without its events, with how many were given. */
type BatchHead = Omit<AgentBatch, 'events' | 'repeats'> & { readonly given: number };

const headOf = ({ events, repeats: _, ...rest }: AgentBatch): BatchHead => ({ ...rest, given: events.length });

/** Gives the parameters of `asgard.append_one`; null for an append of anything else than one event with a number. */
export function oneEventValues({ name, batches, decisions }: NewAppend): Parameter[] | null {
  const [batch] = batches;
  const [event] = batch?.events ?? [];
  const isOne = batches.length === 1 && batch?.events.length === 1 && decisions.length === 0;
  if (!isOne || event === undefined || event.seq === null) return null;
  const [, ...values] = eventRow(event, batch.host, 0);
  return [name, JSON.stringify([headOf(batch)]), batch.agent, ...values];
}

/** Gives the parameters of `asgard.append`. `storedMs` stands for the log's own clock where a store is migrated. */
export function appendValues({ name, batches, decisions }: NewAppend, storedMs: number | null): Parameter[] {
  const heads = batches.map(headOf);
  const columns: Parameter[][] = Array.from({ length: EVENT_COLUMNS.length + 1 }, () => []);
  for (const [i, { host, events }] of batches.entries())
    for (const one of events)
      for (const [place, value] of eventRow(one, host, i).entries()) columns[place]?.push(value);
  return [
    name,
    JSON.stringify(heads),
    arrayLiteral(batches.map(({ agent }) => agent)),
    storedMs,
    ...columns.map(arrayLiteral),
    arrayLiteral(decisions.map(({ kind }) => kind)),
    arrayLiteral(decisions.map(({ subject }) => subject)),
    arrayLiteral(decisions.map(({ by }) => by)),
    arrayLiteral(decisions.map(({ body }) => JSON.stringify(body))),
    ...(numbersOf(batches)?.map(arrayLiteral) ?? [null, null, null]),
  ];
}

/** Gives the first and the last number of each batch, and how many events it has; null where the numbers of an agent do not ascend. */
function numbersOf(batches: readonly AgentBatch[]): (number | null)[][] | null {
  const firsts: (number | null)[] = [];
  const lasts: (number | null)[] = [];
  const counts: number[] = [];
  const highest = new Map<string, number>();
  for (const { agent, events } of batches) {
    let last = highest.get(agent) ?? 0;
    for (const { seq } of events) {
      if (seq === null || seq <= last) return null;
      last = seq;
    }
    highest.set(agent, last);
    firsts.push(events[0]?.seq ?? null);
    lasts.push(events.length > 0 ? last : null);
    counts.push(events.length);
  }
  return [firsts, lasts, counts];
}

/** Writes an array as PostgreSQL reads it (8.15.6 of its manual). The driver does the same with two replacements for each element. */
function arrayLiteral(elements: readonly Parameter[]): string {
  return `{${elements.map((one) => (one === null ? 'NULL' : typeof one === 'string' ? quoted(one) : one)).join()}}`;
}

const quoted = (text: string): string => `"${/["\\]/.test(text) ? text.replace(/["\\]/g, '\\$&') : text}"`;

/** Gives an event's values: the batch's place, and then EVENT_COLUMNS. */
function eventRow({ seq, event }: SequencedEvent, agentHost: string, batch: number): Parameter[] {
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

/** Puts the events of an append back into its batches. `columns` are lists by EVENT_COLUMNS, in which the append's first event is at `next`. */
export function batchesOf(
  text: string,
  counts: readonly number[],
  columns: readonly (readonly unknown[])[],
  next: number,
): AgentBatch[] {
  let at = next;
  return (JSON.parse(text) as BatchHead[]).map(({ given, ...batch }, i) => {
    const count = counts[i] ?? 0;
    const events = Array.from({ length: count }, (_, n) => eventOf(columns as Columns, at + n, batch.host));
    at += count;
    return { ...batch, events, repeats: given - count };
  });
}

type Column<T> = readonly (T | null)[];
type Columns = readonly [
  ...[seq: Column<number>, at: readonly number[], host: readonly string[], outcome: readonly number[]],
  ...[method: Column<string>, user: Column<string>, invalidUser: Column<boolean>, ip: Column<string>],
  ...[port: Column<number>, key: Column<string>, reason: Column<string>, trust: Column<number>, pid: Column<number>],
];

function eventOf(columns: Columns, i: number, agentHost: string): SequencedEvent {
  const [seqs, ats, hosts, outcomes, methods, users, invalidUsers, ips, ports, keys, reasons, trusts, pids] = columns;
  const [host, outcome] = [hosts[i] as string, OUTCOMES[outcomes[i] as number]];
  const [key = null, reason = null, trust = null, pid = null] = [keys[i], reasons[i], trusts[i], pids[i]];
  if (outcome === undefined) throw new Error(`an event of the log has the outcome ${outcomes[i]}`);
  return {
    seq: seqs[i] ?? null,
    event: {
      at: new Date(ats[i] as number).toISOString(),
      outcome,
      method: methods[i] ?? null,
      user: users[i] ?? null,
      invalidUser: invalidUsers[i] ?? null,
      ip: ips[i] ?? null,
      port: ports[i] ?? null,
      ...(host === agentHost ? {} : { host }),
      ...(key === null ? {} : { key }),
      ...(reason === null ? {} : { reason }),
      ...(trust === null ? {} : { trust: TRUSTS[trust] ?? null }),
      ...(pid === null ? {} : { pid }),
    },
  };
}
