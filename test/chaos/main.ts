/**
 * `npm run chaos -- --seconds S --seed N [--servers 2 --postgres]`: both programs, a breakable wire between them, a writer that keeps the truth, and faults at
 * random. In the end every attempt must be stored exactly once, with its outcome, and none declared lost, in the answers of every
 * server. Exit code 1 when not.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Random } from '../demo/random.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { apart, goApart } from './disk.ts';
import { FAULTS, SHARED_FAULTS, STANDSTILL_LIMIT_MS, Stage } from './faults.ts';
import { Log, type Naming } from './log.ts';
import { Shared } from './shared.ts';
import { Wire } from './wire.ts';

/** Two servers, two PostgreSQL and the agent start on a busy machine within this time. */
const BEGIN_LIMIT_MS = 120_000;
/** Entries of the history that are shown on each side of a loss. */
const AROUND_LIMIT = 12;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    servers: { type: 'string', default: '1' },
    postgres: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
if (!(seconds > 0) || !Number.isSafeInteger(seed) || values.servers !== (values.postgres ? '2' : '1')) {
  console.error('usage: npm run chaos -- --seconds S --seed N [--servers 2 --postgres]');
  process.exit(2);
}
if (values.seed === undefined) process.argv.push('--seed', String(seed));
const withoutDisks = apart() ? '' : goApart();
if (withoutDisks !== '') console.log(`*** LEFT OUT: full disks (${withoutDisks}) ***`);

const random = new Random(seed);
const naming = random.pick<Naming>(['number', 'number', 'date', 'link']);
console.log(`seed ${seed}, ${seconds} s, rotated logs named by ${naming}`);
const pair = await Pair.make();
const wire = new Wire(pair.port);
await wire.open();
const log = new Log(pair.logFile, naming, random);
const shared = values.postgres ? await Shared.start() : null;
const stage = new Stage(pair, wire, log, random, apart(), shared);
const faults = shared === null ? FAULTS : { ...FAULTS, ...SHARED_FAULTS };
stage.startServer();
stage.startAgent();
log.write(5);
log.finishLine();
// A log is only promised from the moment the agent has begun with it.
await until(async () => (await stage.stored()) === 5, undefined, BEGIN_LIMIT_MS);

const stood = new Map<string, number>();
const beganMs = performance.now();
while (performance.now() - beganMs < seconds * 1_000) {
  const name = random.pick(Object.keys(faults) as [string, ...string[]]);
  stage.note(`fault: ${name}`);
  if ((await faults[name]?.(stage)) !== false) stood.set(name, (stood.get(name) ?? 0) + 1);
  for (let i = random.whole(0, 5); i > 0; i -= 1) {
    log.write(random.whole(1, 40));
    await pause(random.whole(0, 60));
  }
  stage.startServer();
  if (random.chance(0.6)) stage.startAgent();
  await stage.tidy();
}
const lastedS = Math.round((performance.now() - beganMs) / 1_000);

interface Stored {
  readonly user: string;
  readonly outcome: string;
}
async function all(of: Pair): Promise<Stored[]> {
  const found: Stored[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: { events: Stored[]; next: string | null } = await of.api(
      `/api/events?limit=1000${cursor && `&cursor=${cursor}`}`,
    );
    found.push(...page.events);
    cursor = page.next;
  }
  return found;
}

const restedMs = performance.now();
await stage.settled();
console.log(`all was stored ${((performance.now() - restedMs) / 1_000).toFixed(1)} s after the last fault`);
// Time for what would come twice.
await pause(3_000);
const found = await all(pair);
if (shared !== null) {
  const same = async (): Promise<boolean> => JSON.stringify(await all(shared.pair)) === JSON.stringify(found);
  await until(same, () => "the second server's events are not the first one's", 60_000);
  console.log('the second server answers with the same events');
}
const { totals } = await pair.api<{ totals: { declaredLost: number } }>('/api/ledger');
const counts = new Map<string, number>();
for (const { user } of found) counts.set(user, (counts.get(user) ?? 0) + 1);
const lost = [...log.truth.keys()].filter((user) => !counts.has(user));
const doubled = [...counts].filter(([, n]) => n > 1).map(([user]) => user);
const wrong = found.filter(({ user, outcome }) => log.truth.get(user) !== outcome).map(({ user }) => user);
/** The users whose sessions are open on the server. */
async function openUsers(): Promise<Set<string>> {
  const users = new Set<string>();
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: { sessions: { user: string }[]; next: string | null } = await pair.api(
      `/api/sessions?open=true&limit=1000${cursor && `&cursor=${cursor}`}`,
    );
    for (const { user } of page.sessions) users.add(user);
    cursor = page.next;
  }
  return users;
}
let unended: string[] = [];
let closed: string[] = [];
// Ends have a queue of their own, and what was waited for above are attempts alone.
for (const endMs = Date.now() + STANDSTILL_LIMIT_MS; ; await pause(100)) {
  const opened = await openUsers();
  unended = [...opened].filter((user) => !log.open.has(user));
  closed = [...log.open.keys()].filter((user) => !opened.has(user));
  if (unended.length + closed.length === 0 || Date.now() > endMs) break;
}
const table = (counted: ReadonlyMap<string, number>): string =>
  [...counted]
    .sort()
    .map(([name, times]) => `${String(times).padStart(6)}  ${name}\n`)
    .join('');
console.log(`Faults:\n${table(stood)}Logged by the two programs:\n${table(stage.logged)}`);
console.log(
  `${[...stood.values()].reduce((sum, times) => sum + times, 0)} faults in ${lastedS} s; ${log.truth.size} attempts written, ${found.length} stored; ` +
    `${lost.length} lost, ${doubled.length} doubled, ${wrong.length} with another outcome, ${totals.declaredLost} declared lost; ${log.open.size} sessions open, ` +
    `${unended.length} more on the server, ${closed.length} missing there`,
);
/** Gives the faults and messages shortly before and after a user's attempt was written. */
function around(user: string): string {
  const at = stage.history.findIndex(({ written }) => written >= Number(user.slice(1)));
  return stage.history
    .slice(Math.max(0, at - AROUND_LIMIT), at + AROUND_LIMIT)
    .map(({ written, text }) => `    u${written} ${text}`)
    .join('\n');
}
for (const [what, users] of Object.entries({ lost, doubled, wrong, unended, closed }))
  if (users.length > 0) {
    console.log(`${what}: ${users.slice(0, 20).join(' ')}`);
    console.log(around(users[0] as string));
  }
const failed = lost.length + doubled.length + wrong.length + unended.length + closed.length + totals.declaredLost > 0;
await stage.endAgent('SIGTERM');
await stage.endServer('SIGTERM');
await stage.endSecond('SIGTERM');
wire.close();
log.close();
if (failed) {
  // The disks go with this process: what stands on them would go too.
  console.log(`seed ${seed} failed; kept for a look: ${pair.folder}`);
  stage.keep();
} else {
  stage.close();
  await pair.close();
  await shared?.close();
}
process.exit(failed ? 1 : 0);
