/** What the shared log has beyond its appends, in both directions: the counts of deleted days, and the base of a store that was copied. */
import type { StoreBase } from '../store/store.ts';
import type { PostgresConnection } from './postgres-connection.ts';

/** Runs a statement inside a transaction; one with a name is prepared once. */
export type RunStatement = (text: string, values: readonly unknown[], name?: string) => Promise<unknown>;

/** A host and the id of the agent that reported it last. Copies by earlier versions have none of these. */
interface HostAgent {
  readonly host: string;
  readonly agent: string;
}

const agentIn = (agents: ReadonlyMap<string, string>, host: string): { agent?: string } => {
  const agent = agents.get(host);
  return agent === undefined ? {} : { agent };
};

/** Reads what a server begins with that has an empty folder. */
export async function readBase(db: Pick<PostgresConnection, 'query'>): Promise<StoreBase> {
  const hosts = (await db.query({
    text: 'SELECT host, first_seen, accepted, failed, probes FROM asgard.host_base ORDER BY host',
  })) as [string, number, number, number, number][];
  const rows = (await db.query({ text: 'SELECT kind, body FROM asgard.base ORDER BY number' })) as [string, string][];
  const of = <T>(kind: string): T[] => rows.filter(([one]) => one === kind).map(([, body]) => JSON.parse(body) as T);
  const agents = new Map(of<HostAgent>('host agent').map(({ host, agent }) => [host, agent]));
  return {
    hosts: hosts.map(([host, firstSeenMs, accepted, failed, probes]) => ({
      host,
      ...agentIn(agents, host),
      firstSeenMs,
      accepted,
      failed,
      probes,
    })),
    agents: of('agent'),
    sessions: of('session'),
    gaps: of('gap'),
    shapes: of('shape'),
    keyUses: of('key use'),
    earlierKeyUses: of('earlier key use'),
  };
}

/** Puts a base in the place of the one that is there, and the last numbers of its agents in the place of theirs. */
export async function writeBase(
  run: RunStatement,
  { hosts, agents, sessions, gaps, shapes, keyUses, earlierKeyUses }: StoreBase,
): Promise<void> {
  await run('DELETE FROM asgard.host_base', []);
  await run(
    'INSERT INTO asgard.host_base SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])',
    [
      hosts.map(({ host }) => host),
      hosts.map(({ firstSeenMs }) => firstSeenMs),
      hosts.map(({ accepted }) => accepted),
      hosts.map(({ failed }) => failed),
      hosts.map(({ probes }) => probes),
    ],
  );
  const rows = [
    ...agents.map((one) => ['agent', JSON.stringify(one)]),
    // Not in `host_base`, which servers of earlier versions read and write, too.
    ...hosts.flatMap(({ host, agent }) =>
      agent === undefined ? [] : [['host agent', JSON.stringify({ host, agent } satisfies HostAgent)]],
    ),
    ...sessions.map((one) => ['session', JSON.stringify(one)]),
    ...gaps.map((one) => ['gap', JSON.stringify(one)]),
    ...shapes.map((one) => ['shape', JSON.stringify(one)]),
    ...keyUses.map((one) => ['key use', JSON.stringify(one)]),
    ...earlierKeyUses.map((one) => ['earlier key use', JSON.stringify(one)]),
  ];
  await run('DELETE FROM asgard.base', []);
  await run('INSERT INTO asgard.base SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])', [
    rows.map((_, i) => i),
    rows.map(([kind]) => kind),
    rows.map(([, body]) => body),
  ]);
  await run(
    `INSERT INTO asgard.agents SELECT * FROM unnest($1::text[], $2::bigint[])
       ON CONFLICT (id) DO UPDATE SET last_seq = excluded.last_seq`,
    [agents.map(({ agent }) => agent), agents.map(({ lastSeq }) => lastSeq)],
  );
}
