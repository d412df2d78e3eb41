/** Stores what agents report in pings: the tables of unknown messages and of gaps. */
import type { AgentRow } from './agents.ts';
import type { Database } from './database.ts';
import { GAPS_PER_AGENT, SHAPES_PER_AGENT } from './schema.ts';
import type { PingContent, StoredGap } from './store.ts';

/** Stores the shapes and gaps of one ping, inside the caller's transaction. One that comes twice counts once. Gives the gaps that are new. */
export function storePing(db: Database, agent: AgentRow, ping: PingContent): StoredGap[] {
  if (ping.shapes.length > 0) storeShapes(db, agent.id, ping);
  return ping.gaps.length > 0 ? storeDeclared(db, agent, ping) : [];
}

function storeShapes(db: Database, agent: number, ping: PingContent): void {
  const store = db.prepare(
    `INSERT INTO shapes (agent, shape, count, sample, firstAt, lastAt) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (agent, shape) DO UPDATE SET count = max(count, excluded.count), sample = excluded.sample, lastAt = excluded.lastAt`,
  );
  for (const { shape, count, sample, firstAt, lastAt } of ping.shapes)
    store.run(agent, shape, count, sample, firstAt, lastAt);
  db.prepare(
    'DELETE FROM shapes WHERE agent = ? AND shape NOT IN (SELECT shape FROM shapes WHERE agent = ? ORDER BY count DESC LIMIT ?)',
  ).run(agent, agent, SHAPES_PER_AGENT);
}

type NewGap = Omit<StoredGap, 'id' | 'agent' | 'host'> & { readonly declared: number | null };

function storeGap(db: Database, agent: AgentRow, { declared, ...gap }: NewGap): StoredGap[] {
  const stored = db
    .prepare(
      `INSERT INTO gaps (agent, declared, at, kind, text, bytes, lines, events) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (agent, declared) DO NOTHING RETURNING id`,
    )
    .get(agent.id, declared, gap.at, gap.kind, gap.text, gap.bytes, gap.lines, gap.events) as
    | { id: number }
    | undefined;
  return stored ? [{ id: stored.id, agent: agent.uuid, host: agent.host, ...gap }] : [];
}

function storeDeclared(db: Database, agent: AgentRow, ping: PingContent): StoredGap[] {
  const fresh = ping.gaps.flatMap(({ id, ...gap }) => storeGap(db, agent, { ...gap, declared: id, events: null }));
  db.prepare(
    'DELETE FROM gaps WHERE agent = ? AND declared <= (SELECT max(declared) FROM gaps WHERE agent = ?) - ?',
  ).run(agent.id, agent.id, GAPS_PER_AGENT);
  return fresh;
}

/** Stores the jumps in `seq` of one batch as one gap, inside the caller's transaction. `before` is the agent's row as it was. */
export function storeJump(db: Database, agent: AgentRow, before: AgentRow, nowMs: number): StoredGap[] {
  const missing = agent.gaps - before.gaps;
  if (missing === 0) return [];
  const text =
    `${missing} ${missing === 1 ? 'event' : 'events'} between the agent's numbers ${before.lastSeq} and ${agent.lastSeq} never came: ` +
    'its state folder was changed by hand or damaged, or this store is not the one it sent them to';
  const fresh = storeGap(db, agent, {
    declared: null,
    at: new Date(nowMs).toISOString(),
    kind: 'missing-events',
    text,
    bytes: null,
    lines: null,
    events: missing,
  });
  db.prepare(
    `DELETE FROM gaps WHERE agent = ? AND declared IS NULL AND id <=
       (SELECT id FROM gaps WHERE agent = ? AND declared IS NULL ORDER BY id DESC LIMIT 1 OFFSET ?)`,
  ).run(agent.id, agent.id, GAPS_PER_AGENT);
  return fresh;
}
