/** Reads the content of an outbox from another process. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DeclaredGap } from '../../protocol/report.ts';
import { mustBeOpen } from '../../service/files.ts';
import { type Database, openForReading, readTransaction } from './database.ts';
import { gapsAfter } from './gaps.ts';
import { bookmarkKey, MetaRows } from './meta.ts';
import { OUTBOX_FILE } from './outbox.ts';
import type { Bookmark } from './state.ts';

/** The content of an outbox. */
export interface OutboxSummary {
  readonly agent: string;
  /** Events ever given a seq. */
  readonly events: number;
  readonly waiting: number;
  readonly declaredLost: number;
  readonly lastGap: number;
  readonly gaps: readonly DeclaredGap[];
  /** The bookmark of each log ever followed. */
  readonly logs: readonly { readonly log: string; readonly bookmark: Bookmark }[];
}

/**
 * Summarizes a folder's outbox, also while an agent uses it. Null when there is none; throws an OutboxError when it cannot be read,
 * and a UserError when this user may not look into the folder.
 */
export function summarize(folder: string): OutboxSummary | null {
  const file = join(folder, OUTBOX_FILE);
  if (!existsSync(file)) {
    mustBeOpen(folder);
    return null;
  }
  const db = openForReading(file);
  try {
    // Of one moment: numbers of two would call acknowledged what was stored between them.
    return readTransaction(db, () => summaryOf(db));
  } finally {
    db.close();
  }
}

function summaryOf(db: Database): OutboxSummary {
  const meta = new MetaRows(db);
  const { waiting } = db.prepare('SELECT count(*) AS waiting FROM events').get() as { waiting: number };
  return {
    agent: meta.get('agent') as string,
    events: meta.get('lastSeq') as number,
    waiting,
    declaredLost: (meta.get('declaredLost') as number | null) ?? 0,
    lastGap: (meta.get('lastGap') as number | null) ?? 0,
    gaps: gapsAfter(db, 0),
    logs: meta.readLogs().all.map((log) => ({ log, bookmark: meta.get(bookmarkKey(log)) as Bookmark })),
  };
}
