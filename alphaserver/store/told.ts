/** What agents say of themselves besides events, as the store keeps it. */
import type { Database } from './database.ts';
import { GAPS_PER_AGENT, SHAPES_PER_AGENT } from './schema.ts';
import type { AgentTold } from './store.ts';

/** Keeps the shapes and gaps of one ping, inside the caller's transaction. Said twice, they count once. */
export function keepTold(db: Database, agent: number, told: AgentTold): void {
  if (told.shapes.length > 0) keepShapes(db, agent, told);
  if (told.gaps.length > 0) keepGaps(db, agent, told);
}

function keepShapes(db: Database, agent: number, told: AgentTold): void {
  const keep = db.prepare(
    `INSERT INTO shapes (agent, shape, count, sample, firstAt, lastAt) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (agent, shape) DO UPDATE SET count = max(count, excluded.count), sample = excluded.sample, lastAt = excluded.lastAt`,
  );
  for (const { shape, count, sample, firstAt, lastAt } of told.shapes)
    keep.run(agent, shape, count, sample, firstAt, lastAt);
  db.prepare(
    'DELETE FROM shapes WHERE agent = ? AND shape NOT IN (SELECT shape FROM shapes WHERE agent = ? ORDER BY count DESC LIMIT ?)',
  ).run(agent, agent, SHAPES_PER_AGENT);
}

function keepGaps(db: Database, agent: number, told: AgentTold): void {
  const keep = db.prepare('INSERT INTO declaredGaps VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (agent, id) DO NOTHING');
  for (const { id, at, kind, text, bytes, lines } of told.gaps) keep.run(agent, id, at, kind, text, bytes, lines);
  db.prepare(
    'DELETE FROM declaredGaps WHERE agent = ? AND id <= (SELECT max(id) FROM declaredGaps WHERE agent = ?) - ?',
  ).run(agent, agent, GAPS_PER_AGENT);
}
