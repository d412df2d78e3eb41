/**
 * `npm run chaos -- --seconds S --seed N`: both programs, a breakable wire between them, a writer that keeps the truth, and faults at
 * random. In the end every attempt must be stored exactly once, with its outcome. Exit code 1 when one is not.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, copyFileSync, existsSync, readdirSync, renameSync, truncateSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Pair, type Program } from '../programs.ts';
import { until } from '../until.ts';
import { Wire } from './wire.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } } });
const seconds = Number(values.seconds);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
if (!(seconds > 0) || !Number.isSafeInteger(seed)) {
  console.error('usage: npm run chaos -- --seconds S --seed N');
  process.exit(2);
}
console.log(`seed ${seed}`);

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
let state = seed >>> 0;
const chance = (): number => {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
};
const upTo = (n: number): number => Math.floor(chance() * n);

const pair = await Pair.make();
const wire = new Wire(pair.port);
await wire.open();
const startAgent = (): Program => pair.agent({ ALPHACLIENT_SERVER: `tcp://127.0.0.1:${wire.port}`, LOG_LEVEL: 'warn' });
let server = pair.server();
let agent: Program | null = startAgent();

const truth = new Map<string, string>();
let half = '';
/** Writes some attempts; now and then leaves the last line half, and ends it the next time. */
function write(count: number): void {
  let text = half;
  half = '';
  for (let i = 0; i < count; i += 1) {
    const user = `u${truth.size + 1}`;
    const outcome = chance() < 0.2 ? 'Accepted' : 'Failed';
    truth.set(user, outcome.toLowerCase());
    text += `${outcome} password for ${user} from 192.0.2.${upTo(250) + 1} port ${1_024 + upTo(60_000)} ssh2\r\n`;
  }
  if (chance() < 0.2) {
    const keep = text.length - 1 - upTo(Math.min(40, text.length - 1));
    half = text.slice(keep);
    text = text.slice(0, keep);
  }
  appendFileSync(pair.logFile, text);
}

/** `.1` becomes `.2`, and so on; the oldest stay, as nothing may be deleted unread here. */
function shift(): void {
  const name = `${basename(pair.logFile)}.`;
  const rotated = readdirSync(dirname(pair.logFile))
    .map((entry) => (entry.startsWith(name) ? /^(\d+)(\.gz)?$/.exec(entry.slice(name.length)) : null))
    .filter((match) => match !== null)
    .sort((a, b) => Number(b[1]) - Number(a[1]));
  for (const [, number, packed = ''] of rotated)
    renameSync(`${pair.logFile}.${number}${packed}`, `${pair.logFile}.${Number(number) + 1}${packed}`);
}

const finishLine = (): void => {
  if (half) write(0);
  if (half) appendFileSync(pair.logFile, half);
  half = '';
};

const faults: Record<string, () => void | Promise<void>> = {
  'agent killed': async () => {
    await agent?.end('SIGKILL');
    agent = null;
  },
  'server killed': async () => {
    await server.end('SIGKILL');
    await pause(upTo(300));
    server = pair.server();
  },
  'connection cut': () => wire.cut(false),
  'connection cut inside a line': () => wire.cut(true),
  'connection stalled': async () => {
    wire.stall();
    await pause(upTo(1_000));
    wire.resume();
  },
  'log renamed': () => {
    finishLine();
    shift();
    renameSync(pair.logFile, `${pair.logFile}.1`);
    // The writer goes on in the renamed file for a while.
    const text = [1, 2].map((i) => `Failed password for r${truth.size + i} from 192.0.2.1 port 9 ssh2\r\n`);
    if (chance() < 0.5) {
      for (const line of text) truth.set((/for (\S+)/.exec(line) as RegExpExecArray)[1] as string, 'failed');
      appendFileSync(`${pair.logFile}.1`, text.join(''));
    }
    write(1 + upTo(3));
  },
  'log copied and truncated': () => {
    finishLine();
    shift();
    copyFileSync(pair.logFile, `${pair.logFile}.1`);
    truncateSync(pair.logFile);
  },
  'rotated log compressed': () => {
    const file = `${pair.logFile}.2`;
    if (existsSync(file)) execFileSync('gzip', ['-f', file]);
  },
};

const stood = new Map<string, number>();
write(5);
// A log is only promised from the moment the agent has begun with it.
await until(async () => (await stored().catch(() => [])).length > 0);
const endMs = Date.now() + seconds * 1_000;
while (Date.now() < endMs) {
  const names = Object.keys(faults);
  const name = names[upTo(names.length)] as string;
  await faults[name]?.();
  stood.set(name, (stood.get(name) ?? 0) + 1);
  for (let i = upTo(6); i > 0; i -= 1) {
    write(upTo(40) + 1);
    await pause(upTo(60));
  }
  if (!agent && chance() < 0.6) agent = startAgent();
}
finishLine();
agent ??= startAgent();

interface Stored {
  readonly user: string;
  readonly outcome: string;
}
async function stored(): Promise<Stored[]> {
  const all: Stored[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: { events: Stored[]; next: string | null } = await pair.api(
      `/api/events?limit=1000${cursor && `&cursor=${cursor}`}`,
    );
    all.push(...page.events);
    cursor = page.next;
  }
  return all;
}

let found: Stored[] = [];
const deadline = Date.now() + 60_000;
do {
  await pause(500);
  found = await stored().catch(() => []);
} while (found.length < truth.size && Date.now() < deadline);
// Time for what would come twice.
await pause(3_000);
found = await stored();
const counts = new Map<string, number>();
for (const { user } of found) counts.set(user, (counts.get(user) ?? 0) + 1);
const lost = [...truth.keys()].filter((user) => !counts.has(user));
const doubled = [...counts].filter(([, n]) => n > 1).map(([user]) => user);
const wrong = found.filter(({ user, outcome }) => truth.get(user) !== outcome).map(({ user }) => user);
for (const [name, times] of stood) console.log(`${String(times).padStart(6)}  ${name}`);
console.log(
  `${truth.size} attempts written, ${found.length} stored; ${lost.length} lost, ${doubled.length} doubled, ${wrong.length} with another outcome`,
);
for (const [what, users] of Object.entries({ lost, doubled, wrong }))
  if (users.length > 0) console.log(`${what}: ${users.slice(0, 20).join(' ')}`);
await agent.end('SIGTERM');
await server.end('SIGTERM');
wire.close();
const failed = lost.length + doubled.length + wrong.length > 0;
if (failed) console.log(`kept for a look: ${join(pair.folder)}`);
else await pair.close();
process.exit(failed ? 1 : 0);
