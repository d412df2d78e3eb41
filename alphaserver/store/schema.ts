/** The store's tables, one step a version: a store of an older version is brought up step by step. */

/**
 * Times are Unix milliseconds; `outcome` is an index into OUTCOMES. `events` has no index on anything an attacker
 * chooses: random keys would cut the rate of inserts to a fraction.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE agents (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, host TEXT NOT NULL,
    firstSeen INTEGER NOT NULL, lastSeen INTEGER NOT NULL,
    lastSeq INTEGER NOT NULL, stored INTEGER NOT NULL, repeats INTEGER NOT NULL, gaps INTEGER NOT NULL,
    report TEXT, reportedAt INTEGER
  );
  CREATE TABLE hosts (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, agent INTEGER NOT NULL,
    firstSeen INTEGER NOT NULL, lastSeen INTEGER NOT NULL,
    accepted INTEGER NOT NULL, failed INTEGER NOT NULL, probes INTEGER NOT NULL
  );
  CREATE TABLE events (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, storedAt INTEGER NOT NULL, agent INTEGER NOT NULL, host INTEGER NOT NULL,
    outcome INTEGER NOT NULL, method TEXT, user TEXT, invalidUser INTEGER, ip TEXT, port INTEGER, key TEXT, reason TEXT
  );
  CREATE TABLE shapes (
    agent INTEGER NOT NULL, shape TEXT NOT NULL, count INTEGER NOT NULL, sample TEXT NOT NULL, firstAt TEXT, lastAt TEXT,
    PRIMARY KEY (agent, shape)
  ) WITHOUT ROWID;
  CREATE TABLE declaredGaps (
    agent INTEGER NOT NULL, id INTEGER NOT NULL, at TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, bytes INTEGER, lines INTEGER,
    PRIMARY KEY (agent, id)
  ) WITHOUT ROWID;
  `,
];

/** What `events.outcome` counts from 0. */
export const OUTCOMES = ['accepted', 'failed', 'probe'] as const;

/** Shapes kept for one agent; the ones seen least go first. */
export const SHAPES_PER_AGENT = 500;
/** Declared gaps kept for one agent; the oldest go first. */
export const GAPS_PER_AGENT = 1_000;
