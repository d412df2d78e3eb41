/** What can still be read of a damaged outbox. */
import type { Moment } from './checkpoint.ts';
import { type Database, openForReading } from './database.ts';
import type { Bookmark, Outgoing } from './reading.ts';

/** Where a damaged outbox stood, and the events that waited in it, as far as they can be read. */
export interface Salvage {
  readonly moment: Moment;
  /** In order; ends at the first that cannot be read. */
  readonly waiting: Iterable<Outgoing>;
  /** Lets go of the file. */
  close(): void;
}

/** Looks into a damaged outbox's file. Null where not even its position can be read. */
export function salvage(file: string): Salvage | null {
  let db: Database | null = null;
  try {
    db = openForReading(file);
    const rows = db.prepare('SELECT key, value FROM meta').all() as { key: string; value: string }[];
    const meta = new Map(rows.map(({ key, value }) => [key, JSON.parse(value) as unknown]));
    const [agent, seq] = [meta.get('agent'), meta.get('lastSeq')];
    const logs = [...meta]
      .filter(([key]) => key.startsWith('log:'))
      .map(([key, bookmark]) => ({ log: key.slice('log:'.length), bookmark: bookmark as Bookmark }));
    if (typeof agent !== 'string' || !Number.isSafeInteger(seq) || logs.length === 0) throw new Error('nothing there');
    const [lastGap, declaredLost] = [Number(meta.get('lastGap') ?? 0), Number(meta.get('declaredLost') ?? 0)];
    const moment = { agent, seq: seq as number, logs, declared: { lastGap, declaredLost } };
    const opened = db;
    return { moment, waiting: waitingIn(opened), close: () => opened.close() };
  } catch {
    db?.close();
    return null;
  }
}

function* waitingIn(db: Database): Generator<Outgoing> {
  try {
    const rows = db.prepare('SELECT seq, body FROM events ORDER BY seq').iterate() as Iterable<unknown>;
    for (const row of rows as Iterable<Outgoing>) {
      JSON.parse(row.body);
      yield { seq: row.seq, body: row.body };
    }
  } catch {
    // What is behind here is lost; the server sees the jump in the numbers, and everybody hears of it.
  }
}
