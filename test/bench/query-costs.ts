/**
 * `query-costs.ts STORE...`: prints the processor time of each query on stores that `scale-store.ts` made and a server has opened since,
 * the lowest of some turns, each with values that were not asked for before. It says on a busy machine what answering times do not.
 */

import { HOST_SERIES_LIMIT } from '../../alphaserver/metrics/families.ts';
import { Queries } from '../../alphaserver/queries/queries.ts';
import { ANY_EVENT, type EventQuery } from '../../alphaserver/queries/results.ts';
import { openReader } from '../../alphaserver/queries/snapshot.ts';
import { ms } from './figures.ts';
import { hostName } from './login-stream.ts';
import { FOUND_HOST, RARE } from './scale-store.ts';

const TURNS = 6;
const DAY_MS = 86_400_000;
const PAGE = 100;
const FREQUENT_IP = '1.0.0.0';
const FREQUENT_NETWORK = '1.0.0.0/8';
const EVER = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };

const processorMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

/** What is asked, by name; `n` makes each turn another question. */
function queriesOf(queries: Queries): Readonly<Record<string, (n: number) => unknown>> {
  const events = (query: Partial<EventQuery>) => queries.events({ ...ANY_EVENT, limit: PAGE, ...query });
  // The end of what was made: servers that measured have stored more since.
  const lastMs = Date.parse(events({ ip: FREQUENT_IP }).events[0]?.at ?? '');
  const day = (n: number) => ({ from: lastMs - DAY_MS - n, to: lastMs });
  return {
    'events of a rare source': (n) => events({ ip: RARE.ip, limit: PAGE + n }),
    'events of a rare user': (n) => events({ user: RARE.user, limit: PAGE + n }),
    'newest events': (n) => events({ limit: PAGE + n }),
    'events of a frequent source': (n) => events({ ip: FREQUENT_IP, limit: PAGE + n }),
    'events of a frequent user on one host': (n) => events({ user: 'root', host: hostName(FOUND_HOST + n) }),
    'the same on a rarer host': (n) => events({ user: 'root', host: hostName(10 * FOUND_HOST + n) }),
    'events of a network on one host': (n) => events({ ip: FREQUENT_NETWORK, host: hostName(FOUND_HOST + n) }),
    'page of a host': (n) => queries.about('host', hostName(n), 10),
    keys: (n) => queries.keys({ user: null, host: null, unusedSinceMs: null, limit: PAGE + n, cursor: null }),
    unknown: (n) => queries.unknown(PAGE + n),
    'ledger, 1,000 agents': (n) => queries.ledger(1_000 - n, 0, lastMs),
    'figures of /metrics': (n) => queries.figures(lastMs + n, HOST_SERIES_LIMIT),
    coverage: (n) => queries.coverage({ silentMs: lastMs + n, away: [] }),
    'summary of a day': (n) => queries.summary(day(n)),
    'timeline of a day': (n) => queries.timeline(lastMs - DAY_MS - n, lastMs, 60_000, null, lastMs),
    'top sources of a day': (n) => queries.top('sources', day(n), 500),
    'top sources of all': (n) => queries.top('sources', EVER, 500 - n),
    'first event of the last six hours': (n) => queries.firstSince(lastMs - DAY_MS / 4 - n * 1_000),
  };
}

function costs(folder: string): Map<string, number> {
  const queries = new Queries(openReader(folder));
  const lowest = Object.entries(queriesOf(queries)).map(([name, ask]): [string, number] => {
    const turns = Array.from({ length: TURNS }, (_, n) => {
      const begunMs = processorMs();
      ask(n);
      return processorMs() - begunMs;
    });
    return [name, Math.min(...turns)];
  });
  queries.close();
  return new Map(lowest);
}

const all = process.argv.slice(2).map(costs);
for (const name of all[0]?.keys() ?? [])
  process.stdout.write(`${name.padEnd(40)} ${all.map((one) => ms(one.get(name) ?? 0).padStart(9)).join('')}\n`);
