/** Gives a store's file the tables of version 14 again: keys by their fingerprints, and events with each value whole. */
import type { Database } from '../alphaserver/store/database.ts';
import { eventTables, tableName } from '../alphaserver/store/event-tables.ts';
import { REPORT_COLUMNS } from '../alphaserver/store/schema.ts';

const IPV4 = ['24', '16', '8', '0'].map((bits) => `(ip >> ${bits} & 255)`).join(` || '.' || `);

const oldEvents = (name: string): string => `
  CREATE TABLE old (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, storedAt INTEGER NOT NULL, agent INTEGER NOT NULL, host INTEGER NOT NULL,
    outcome INTEGER NOT NULL, method, user TEXT, invalidUser INTEGER, ip TEXT, port INTEGER, key TEXT, reason TEXT,
    seq INTEGER, trust INTEGER, pid INTEGER
  );
  INSERT INTO old SELECT id, at, storedAt, agent, host, outcome, method, user, invalidUser,
    CASE typeof(ip) WHEN 'integer' THEN ${IPV4} ELSE ip END, port, key, reason, seq, trust, pid FROM ${name};
  DROP TABLE ${name};
  ALTER TABLE old RENAME TO ${name};
`;

const OLD_KEYS = `
  CREATE TABLE oldUses (
    fingerprint TEXT NOT NULL, host INTEGER NOT NULL, user TEXT NOT NULL, ip TEXT NOT NULL, key TEXT NOT NULL,
    firstAt INTEGER NOT NULL, lastAt INTEGER NOT NULL, logins INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, host, user, ip)
  ) WITHOUT ROWID;
  INSERT INTO oldUses SELECT k.fingerprint, u.host, u.user, u.ip, k.key, u.firstAt, u.lastAt, u.logins
    FROM keyUses u JOIN keys k ON k.id = u.key;
  DROP TABLE keyUses;
  DROP TABLE keys;
  ALTER TABLE oldUses RENAME TO keyUses;
  CREATE INDEX keyUsesByTime ON keyUses (lastAt);
  CREATE INDEX keyUsesByUser ON keyUses (user);
  CREATE INDEX keyUsesByHost ON keyUses (host);
`;

/** Takes away what version 19 made of the decisions. */
export const NO_STANDING = `
  DROP TRIGGER standingDecided;
  DROP TRIGGER standingUndone;
  DROP TABLE standingDecisions;
`;

/** Makes the file that `asgard.db` was in version 14. */
export function downgrade(db: Database): void {
  for (const { number } of eventTables(db)) db.exec(oldEvents(tableName(number)));
  for (const table of ['agents', 'forgottenAgents'])
    for (const name of REPORT_COLUMNS) db.exec(`ALTER TABLE ${table} DROP COLUMN ${name}`);
  db.exec(`ALTER TABLE eventTables DROP COLUMN baseMs; ${OLD_KEYS} ${NO_STANDING} PRAGMA user_version = 14`);
}
