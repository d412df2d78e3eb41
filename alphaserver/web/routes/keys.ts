/** `GET /api/keys`, and what is known of one key. */
import { keyCursor, LoginKey } from '../../queries/key-results.ts';
import type { Views } from '../../queries/results.ts';
import { API, LIMIT_DEFAULT } from '../api-schema.ts';
import { type ApiApp, refuseMark } from '../parameters.ts';
import type { CsvDownloads } from '../send-csv.ts';

const { certificate: _, ...FIELDS } = LoginKey.properties;
const COLUMNS = [...Object.keys(FIELDS), 'certificateId', 'certificateSerial', 'certificateCa'];

/** Nobody used this key: HTTP's 404. */
class UnknownKeyError extends Error {
  readonly statusCode = 404;
}

/** A key as a row of CSV: names with blanks between them. */
const rowOf = ({ certificate, users, hosts, sources, ...key }: LoginKey): Readonly<Record<string, unknown>> => ({
  ...key,
  users: users.join(' '),
  hosts: hosts.join(' '),
  sources: sources.join(' '),
  certificateId: certificate?.id ?? null,
  certificateSerial: certificate?.serial ?? null,
  certificateCa: certificate?.ca ?? null,
});

/** Registers the routes: keys, those used last first, and one with its uses. */
export function keyRoutes(app: ApiApp, views: Pick<Views, 'keys' | 'key'>, downloads: CsvDownloads): void {
  app.get('/api/keys', API.keys, async (request, reply) => {
    const { unused, format, bom, limit, ...rest } = request.query;
    const query = { ...rest, unusedSinceMs: unused };
    refuseMark(bom, format);
    if (format === 'json') {
      const { keys, next } = await views.keys({ ...query, limit: limit ?? LIMIT_DEFAULT });
      return { keys: [...keys], next: next === null ? null : keyCursor(next) };
    }
    return downloads.send(reply, {
      ...{ name: 'keys', columns: COLUMNS, marked: bom !== null, limit, cursor: query.cursor, url: request.url },
      cursorText: keyCursor,
      page: async (cursor, most) => {
        const { keys, next } = await views.keys({ ...query, cursor, limit: most });
        return { rows: keys.map(rowOf), next };
      },
    });
  });
  app.get('/api/keys/:fingerprint', API.key, async ({ params: { fingerprint } }) => {
    const key = await views.key(fingerprint);
    if (key === null) throw new UnknownKeyError('nobody is known to have used this key');
    return key;
  });
}
