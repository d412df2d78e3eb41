/** The tables of `asgard.db`, one step a version: a store of an older version is brought up step by step. */

import type { AgentReport } from '../../protocol/report.ts';

/** Columns of `agents` that hold what the agent's report says under the same name; null without a report. */
export const REPORT_COLUMNS = [
  'state',
  'sentSeq',
  'linesRead',
  'linesUnknown',
  'linesForged',
  'declaredLost',
  'behindBytes',
] as const satisfies readonly (keyof AgentReport)[];
/** Fills these columns from the reports. */
export const FILL_REPORTS = `UPDATE agents SET ${REPORT_COLUMNS.map((name) => `${name} = report ->> '${name}'`).join(', ')}`;

/** The time until which a decision without an end holds: the largest safe integer, later than any other. */
const FOREVER_MS = Number.MAX_SAFE_INTEGER;

/**
 * The tables of `asgard.db`. Times are Unix milliseconds; `outcome` is an index into OUTCOMES, `trust` one into TRUSTS, `seq`
 * the number that the agent gave the event. Tables of events (`event-tables.ts`) have no
 * index: an append costs one row at the end of the newest and nothing else.
 * `sessions` holds a row for each login, which its end completes: see sessions.ts.
 * `decisions` is the append-only log of what people decided and of what was notified.
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
  `
  CREATE INDEX eventsByTime ON events (at, outcome, host);
  CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO facts VALUES ('rolledTo', 0), ('horizon', -9007199254740991), ('hashSeed', random() & 0x7fffffff);
  CREATE TABLE segments (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, minAt INTEGER NOT NULL, maxAt INTEGER NOT NULL);
  CREATE TABLE postings (
    segment INTEGER NOT NULL, kind INTEGER NOT NULL, value TEXT NOT NULL, ids BLOB NOT NULL,
    PRIMARY KEY (segment, kind, value)
  ) WITHOUT ROWID;
  CREATE TABLE counts (
    step INTEGER NOT NULL, at INTEGER NOT NULL,
    accepted INTEGER NOT NULL, failed INTEGER NOT NULL, probes INTEGER NOT NULL,
    PRIMARY KEY (step, at)
  ) WITHOUT ROWID;
  CREATE TABLE hostCounts (
    step INTEGER NOT NULL, at INTEGER NOT NULL, host INTEGER NOT NULL,
    accepted INTEGER NOT NULL, failed INTEGER NOT NULL, probes INTEGER NOT NULL,
    PRIMARY KEY (step, at, host)
  ) WITHOUT ROWID;
  CREATE TABLE buckets (
    kind INTEGER NOT NULL, step INTEGER NOT NULL, at INTEGER NOT NULL, floor INTEGER NOT NULL, sketch BLOB NOT NULL,
    PRIMARY KEY (kind, step, at)
  ) WITHOUT ROWID;
  CREATE TABLE tops (
    kind INTEGER NOT NULL, step INTEGER NOT NULL, at INTEGER NOT NULL, value TEXT NOT NULL,
    accepted INTEGER NOT NULL, failed INTEGER NOT NULL, probes INTEGER NOT NULL,
    firstAt INTEGER NOT NULL, lastAt INTEGER NOT NULL, error INTEGER NOT NULL, hosts BLOB, users BLOB,
    PRIMARY KEY (kind, step, at, value)
  ) WITHOUT ROWID;
  CREATE INDEX declaredGapsByTime ON declaredGaps (at, agent, id);
  `,
  `
  CREATE TABLE gaps (
    id INTEGER PRIMARY KEY, agent INTEGER NOT NULL, declared INTEGER, at TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,
    bytes INTEGER, lines INTEGER, events INTEGER
  );
  CREATE UNIQUE INDEX gapsByAgent ON gaps (agent, declared);
  INSERT INTO gaps (agent, declared, at, kind, text, bytes, lines)
    SELECT agent, id, at, kind, text, bytes, lines FROM declaredGaps ORDER BY at, agent, id;
  DROP TABLE declaredGaps;
  `,
  // What was made from the events has a file of its own since; it is made again from the events.
  `
  DROP INDEX eventsByTime;
  DROP TABLE facts; DROP TABLE segments; DROP TABLE postings; DROP TABLE counts; DROP TABLE hostCounts; DROP TABLE buckets; DROP TABLE tops;
  `,
  // Events stored by earlier versions have no number of their agent's: null in `seq`.
  `
  ALTER TABLE events ADD COLUMN seq INTEGER;
  ALTER TABLE events ADD COLUMN trust INTEGER;
  ALTER TABLE events ADD COLUMN pid INTEGER;
  CREATE TABLE sessionEnds (
    agent INTEGER NOT NULL, number INTEGER NOT NULL, session INTEGER, at INTEGER NOT NULL, host INTEGER NOT NULL,
    user TEXT, ip TEXT, port INTEGER, pid INTEGER, lastedSeconds INTEGER, how TEXT NOT NULL,
    PRIMARY KEY (agent, number)
  ) WITHOUT ROWID;
  CREATE TABLE decisions (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, by TEXT, body TEXT NOT NULL
  );
  `,
  // The token or certificate that an agent belongs to; when a newer agent of it ended this one; when it was last used twice at once.
  `
  ALTER TABLE agents ADD COLUMN identity TEXT;
  ALTER TABLE agents ADD COLUMN endedAt INTEGER;
  ALTER TABLE agents ADD COLUMN cloneAt INTEGER;
  `,
  // The one table becomes the first of many. It may span more than a day: retention deletes its rows until it is empty.
  `
  CREATE TABLE eventTables (number INTEGER PRIMARY KEY, first INTEGER NOT NULL, startedAt INTEGER NOT NULL);
  INSERT INTO eventTables SELECT 1, coalesce(min(id), 1), coalesce(min(storedAt), 0) FROM
    (SELECT id, storedAt FROM events ORDER BY id LIMIT 1);
  ALTER TABLE events RENAME TO events_1;
  `,
  // /api/unknown asks for each shape who saw it last.
  `
  CREATE INDEX shapesByShape ON shapes (shape, lastAt);
  `,
  // How far a shared log is applied, and which one. Not `facts`: queries attach the rollups, which have a table of that name.
  `
  CREATE TABLE storeFacts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  `,
  // Agents and hosts that somebody has forgotten. Their events stay, so that their numbers and names do too.
  `
  CREATE TABLE forgottenAgents AS SELECT * FROM agents LIMIT 0;
  CREATE UNIQUE INDEX forgottenAgentsById ON forgottenAgents (id);
  CREATE UNIQUE INDEX forgottenAgentsByUuid ON forgottenAgents (uuid);
  CREATE TABLE forgottenHosts AS SELECT * FROM hosts LIMIT 0;
  CREATE UNIQUE INDEX forgottenHostsById ON forgottenHosts (id);
  CREATE UNIQUE INDEX forgottenHostsByName ON forgottenHosts (name);
  `,
  // Ends of sessions complete the rows of their logins; nothing ever wrote the table of ends.
  `
  DROP TABLE sessionEnds;
  ALTER TABLE agents ADD COLUMN lastEnd INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE agents ADD COLUMN looked TEXT;
  ALTER TABLE forgottenAgents ADD COLUMN lastEnd INTEGER;
  ALTER TABLE forgottenAgents ADD COLUMN looked TEXT;
  CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, sortAt INTEGER NOT NULL, event INTEGER, agent INTEGER NOT NULL, seq INTEGER, host INTEGER NOT NULL,
    user TEXT, method, key TEXT, fingerprint TEXT, ip TEXT, port INTEGER, pid INTEGER, trust INTEGER,
    since INTEGER, until INTEGER, lastedSeconds INTEGER, how TEXT,
    followed INTEGER NOT NULL, confirmed INTEGER NOT NULL, confirmedAt INTEGER
  );
  CREATE INDEX openSessions ON sessions (agent, seq) WHERE until IS NULL;
  CREATE INDEX openPeers ON sessions (ip, port) WHERE until IS NULL;
  CREATE INDEX endedSessions ON sessions (until) WHERE until IS NOT NULL;
  CREATE INDEX sessionsByTime ON sessions (sortAt);
  CREATE INDEX sessionsByHost ON sessions (host, sortAt);
  CREATE INDEX sessionsByUser ON sessions (user, sortAt);
  CREATE INDEX sessionsBySource ON sessions (ip, sortAt);
  CREATE INDEX sessionsByKey ON sessions (fingerprint, sortAt) WHERE fingerprint IS NOT NULL;
  `,
  // Who used which key: user and ip are empty where sshd does not say.
  `
  CREATE TABLE keyUses (
    fingerprint TEXT NOT NULL, host INTEGER NOT NULL, user TEXT NOT NULL, ip TEXT NOT NULL, key TEXT NOT NULL,
    firstAt INTEGER NOT NULL, lastAt INTEGER NOT NULL, logins INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, host, user, ip)
  ) WITHOUT ROWID;
  CREATE INDEX keyUsesByTime ON keyUses (lastAt);
  CREATE INDEX keyUsesByUser ON keyUses (user);
  CREATE INDEX keyUsesByHost ON keyUses (host);
  `,
  // One row a shape over the fleet, which SQLite keeps up: /api/unknown would add up the rows of all agents.
  `
  CREATE TABLE fleetShapes (
    shape TEXT PRIMARY KEY, count INTEGER NOT NULL, agents INTEGER NOT NULL, firstAt TEXT
  ) WITHOUT ROWID;
  INSERT INTO fleetShapes SELECT shape, sum(count), count(*), min(firstAt) FROM shapes GROUP BY shape;
  CREATE INDEX fleetShapesByCount ON fleetShapes (count DESC, shape);
  CREATE INDEX shapesByCount ON shapes (shape, count);
  CREATE TRIGGER shapeAdded AFTER INSERT ON shapes BEGIN
    INSERT INTO fleetShapes VALUES (new.shape, new.count, 1, new.firstAt)
      ON CONFLICT (shape) DO UPDATE SET count = count + excluded.count, agents = agents + 1,
        firstAt = min(coalesce(firstAt, excluded.firstAt), coalesce(excluded.firstAt, firstAt));
  END;
  CREATE TRIGGER shapeCounted AFTER UPDATE OF count ON shapes WHEN new.count <> old.count BEGIN
    UPDATE fleetShapes SET count = count + new.count - old.count WHERE shape = new.shape;
  END;
  CREATE TRIGGER shapeRemoved AFTER DELETE ON shapes BEGIN
    UPDATE fleetShapes SET count = count - old.count, agents = agents - 1 WHERE shape = old.shape;
    DELETE FROM fleetShapes WHERE shape = old.shape AND agents = 0;
  END;
  `,
  // When keys were last used in logins that are no longer stored. `recorded` is 0 for sessions made of the logins of a version
  // that kept none: neither open nor ended as far as anybody knows. `old-logins.ts` fills in both.
  `
  CREATE TABLE earlierKeyUses (
    fingerprint TEXT NOT NULL, host INTEGER NOT NULL, lastAt INTEGER NOT NULL, PRIMARY KEY (fingerprint, host)
  ) WITHOUT ROWID;
  ALTER TABLE sessions ADD COLUMN recorded INTEGER NOT NULL DEFAULT 1;
  `,
  // Tables that have it hold the values of events in fewer bytes: event-columns.ts. In others times stand whole.
  `
  ALTER TABLE eventTables ADD COLUMN baseMs INTEGER;
  `,
  // One row a key, where a list of keys would add up all their uses; uses name it by its number. Counts of rows are facts.
  `
  CREATE TABLE keys (
    id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, key TEXT NOT NULL,
    firstAt INTEGER NOT NULL, lastAt INTEGER NOT NULL, logins INTEGER NOT NULL
  );
  INSERT INTO keys (fingerprint, key, firstAt, lastAt, logins)
    SELECT fingerprint, (SELECT key FROM keyUses last WHERE last.fingerprint = u.fingerprint ORDER BY lastAt DESC LIMIT 1),
      min(firstAt), max(lastAt), sum(logins) FROM keyUses u GROUP BY fingerprint;
  CREATE INDEX keysByTime ON keys (lastAt, fingerprint);
  ALTER TABLE keyUses RENAME TO keyUsesBefore;
  CREATE TABLE keyUses (
    id INTEGER PRIMARY KEY, key INTEGER NOT NULL, host INTEGER NOT NULL, user TEXT NOT NULL, ip TEXT NOT NULL,
    firstAt INTEGER NOT NULL, lastAt INTEGER NOT NULL, logins INTEGER NOT NULL,
    UNIQUE (key, host, user, ip)
  );
  INSERT INTO keyUses (key, host, user, ip, firstAt, lastAt, logins)
    SELECT k.id, u.host, u.user, u.ip, u.firstAt, u.lastAt, u.logins FROM keyUsesBefore u JOIN keys k USING (fingerprint);
  DROP TABLE keyUsesBefore;
  CREATE INDEX keyUsesByTime ON keyUses (lastAt);
  CREATE INDEX keyUsesByKey ON keyUses (key, lastAt);
  CREATE INDEX keyUsesByUser ON keyUses (user, key);
  CREATE INDEX keyUsesByHost ON keyUses (host, key);
  DELETE FROM storeFacts WHERE name IN ('keyUses', 'openSessions');
  `,
  // What reports of agents count, in columns of their own: the ledger would read twenty thousand of them as JSON for its sums.
  `
  ${['agents', 'forgottenAgents']
    .flatMap((table) => REPORT_COLUMNS.map((column) => `ALTER TABLE ${table} ADD COLUMN ${column}`))
    .join('; ')};
  ${FILL_REPORTS};
  `,
  // An agent chooses what it sends: the open sessions that are followed, and those of one peer on one host, are found among any number of others.
  `
  DROP INDEX openSessions;
  CREATE INDEX openSessions ON sessions (agent, followed, seq) WHERE until IS NULL;
  DROP INDEX openPeers;
  CREATE INDEX openPeers ON sessions (ip, port, host) WHERE until IS NULL;
  `,
  // What people block, allow and silence, until when, and the decision that undid it. SQLite keeps it up: what holds is found among any
  // number of decisions, and is the same on all servers of a shared log. `until` is the largest time there is where nothing but a decision ends it.
  `
  CREATE TABLE standingDecisions (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, until INTEGER NOT NULL, undone INTEGER
  );
  INSERT INTO standingDecisions SELECT id, kind, coalesce(body ->> 'untilMs', ${FOREVER_MS}), NULL
    FROM decisions WHERE kind IN ('blocked', 'allowed', 'silenced');
  UPDATE standingDecisions SET undone = first.id
    FROM (
      SELECT s.id AS decision, min(u.id) AS id FROM decisions u
        JOIN standingDecisions s ON s.id = CAST(u.subject AS INTEGER) AND s.id < u.id
        WHERE u.kind = 'undone' GROUP BY s.id
    ) first WHERE first.decision = standingDecisions.id;
  CREATE INDEX decisionsThatStand ON standingDecisions (kind, until) WHERE undone IS NULL;
  CREATE TRIGGER standingDecided AFTER INSERT ON decisions WHEN new.kind IN ('blocked', 'allowed', 'silenced') BEGIN
    INSERT INTO standingDecisions VALUES (new.id, new.kind, coalesce(new.body ->> 'untilMs', ${FOREVER_MS}), NULL);
  END;
  CREATE TRIGGER standingUndone AFTER INSERT ON decisions WHEN new.kind = 'undone' BEGIN
    UPDATE standingDecisions SET undone = new.id WHERE id = CAST(new.subject AS INTEGER) AND undone IS NULL;
  END;
  `,
  // Agents that were forgotten before ends of sessions were numbered got no number of one, which `agents` does not take: none could come back.
  `
  UPDATE forgottenAgents SET lastEnd = 0 WHERE lastEnd IS NULL;
  `,
];

/** The version from which on keys and sessions of all logins are stored. */
export const LOGINS_VERSION = 14;

/** The words that the column `outcome` of events numbers from 0. */
export const OUTCOMES = ['accepted', 'failed', 'probe'] as const;
/** The words that the column `trust` numbers from 0. */
export const TRUSTS = ['journal', 'syslog', 'forgeable'] as const;

/**
 * The methods that the column `method` holds as numbers from 0: sshd's own, which take a byte. Any other stands as its text. New
 * ones go to the end: stores hold their numbers.
 */
export const METHODS = [
  ...['password', 'publickey', 'keyboard-interactive/pam', 'keyboard-interactive', 'hostbased', 'gssapi-with-mic'],
  ...['keyboard-interactive/bsdauth', 'gssapi-keyex', 'none'],
];

/** Shapes kept for one agent; the ones seen least go first. */
export const SHAPES_PER_AGENT = 500;
/** Gaps kept for one agent, of each kind: declared by it, and jumps in its `seq`; the oldest go first. */
export const GAPS_PER_AGENT = 1_000;
