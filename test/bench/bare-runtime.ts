/** The runtime with what an agent cannot do without and nothing of ours: a database, a logger, a followed file, a connection. */
import { connect } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { pino } from 'pino';
import { Tail } from 'tail';

const [database = '', log = '', port = ''] = process.argv.slice(2);
const db = new DatabaseSync(database);
db.exec('PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT)');
db.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run('key', 'value');
new Tail(log, { fromBeginning: false });
connect(Number(port), '127.0.0.1', () => pino().info('connected'));
