/**
 * `npm run visitors -- --seconds S --seed N [--root DIR]`: several real sshds, each with its agent, and everything that comes to one, all at
 * once, while agents, the server and sshd's listeners are killed and restarted. No connection may ever be reported as one that no
 * login explains, and in the end the sessions that are open on the server are the kernel's. `--root`: a root folder of another
 * release (debootstrap), whose sshd is one of them. Exit code 1 when not so.
 */
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Random } from '../demo/random.ts';
import { has, outcome } from '../e2e/machine.ts';
import { Pair, type Program } from '../programs.ts';
import { Door, GRACE_SECONDS, type Session } from './door.ts';
import { Crowd, VISITORS } from './visitors.ts';

/** Sessions of each door that stay to the end. */
const STAYING = 3;
/** Two looks, a ping and what a busy machine adds. */
const SETTLED_LIMIT_MS = 180_000;
/** Visitors come at most so far apart, for one door. */
const PAUSE_LIMIT_MS = 1_500;
/** Lines of a log that are shown where something is wrong. */
const SHOWN_LINES = 60;

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '120' }, seed: { type: 'string' }, root: { type: 'string' } },
});
const seconds = Number(values.seconds);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
if (!(seconds > 0) || !Number.isSafeInteger(seed)) {
  console.error('usage: npm run visitors -- --seconds S --seed N [--root DIR]');
  process.exit(2);
}
const random = new Random(seed);
console.log(`seed ${seed}, ${seconds} s`);
const pair = await Pair.make();
let server: Program = pair.server({ LOG_LEVEL: 'warn' });
await answering();
const doors = [
  await Door.open('daemon', pair, { form: 'daemon' }),
  await Door.open('container', pair, { form: 'container' }),
];
if (has('systemd-socket-activate')) doors.push(await Door.open('socket', pair, { form: 'socket' }));
else console.log('*** LEFT OUT: an sshd that is started for each connection (systemd-socket-activate) ***');
if (values.root !== undefined) doors.push(await Door.open('root', pair, { root: values.root }));
else console.log('*** LEFT OUT: an sshd of another release (--root) ***');

const crowd = new Crowd(random, pair.folder);
const counts = new Map<string, number>();
const counted = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
/** What was done to the programs, and when: shown where something is wrong. */
const done: string[] = [];
let isOver = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    isOver = true;
  });
const faults: string[] = [];

/** Waits for the server's answers. */
async function answering(): Promise<void> {
  for (const endMs = performance.now() + SETTLED_LIMIT_MS; performance.now() < endMs; await pause(500))
    if (await pair.api('/healthz').then(Boolean, () => false)) return;
  throw new Error(`the server does not answer: ${server.output}`);
}

/** The alerts of connections that no login explains, open and closed. */
async function alerts(): Promise<readonly { summary: string; openedAt: string }[]> {
  const { alerts: all } = await pair.api<{ alerts: { rule: string; summary: string; openedAt: string }[] }>(
    '/api/alerts?limit=1000',
  );
  return all.filter(({ rule }) => rule === 'unlogged-session');
}

/** Waits until the sessions that are open on the server are the kernel's; says what differs where that takes too long. */
async function unsettled(door: Door, isConfirmed = false): Promise<string | null> {
  let difference = '';
  for (const endMs = performance.now() + SETTLED_LIMIT_MS; performance.now() < endMs; await pause(1_000)) {
    const [connected, open] = [await door.connected(), await door.open(isConfirmed)];
    if (connected.length > 0 && connected.join() === open.join()) return null;
    // On a busy machine a login may take longer than sshd waits for it.
    if (connected.length === 0) crowd.login(door, 'sleep 600');
    difference = `the kernel has ${connected.join()}, the server ${open.join()}`;
  }
  return difference;
}

async function watch(): Promise<void> {
  while (!isOver) {
    await pause(2_000);
    // A server that is down answers nothing; what it raises stays.
    const found = await alerts().catch(() => []);
    if (found.length === 0) continue;
    faults.push(...found.map(({ summary, openedAt }) => `${openedAt} ${summary}`));
    // Which processes hold the connections now, and whose children they are.
    for (const { name, sshd } of doors) {
      const held = outcome('ss', ['-Htnpe', 'state', 'established', `( sport = :${sshd.port} )`]);
      faults.push(`${name}, connections: ${held.stdout}`);
    }
    faults.push(outcome('ps', ['-eo', 'pid,ppid,stat,lstart,args']).stdout);
    isOver = true;
  }
}

async function visit(door: Door): Promise<void> {
  while (!isOver) {
    const name = random.pick(Object.keys(VISITORS) as [string, ...string[]]);
    if (await VISITORS[name]?.(crowd, door)) counted(name);
    await pause(random.whole(0, PAUSE_LIMIT_MS));
  }
}

/** What is done to the programs. Each says to which of them; null where it was not done. */
const DEEDS: Readonly<Record<string, () => string | null | Promise<string | null>>> = {
  'an agent is killed': async () => {
    const door = random.pick(doors as [Door, ...Door[]]);
    await door.agent?.end(random.pick(['SIGKILL', 'SIGTERM']));
    await pause(random.whole(0, 15_000));
    door.startAgent();
    return door.name;
  },
  'the server is killed': async () => {
    await server.end(random.pick(['SIGKILL', 'SIGTERM']));
    await pause(random.whole(0, 10_000));
    // It is not waited for: on a busy machine it takes long to start, and the visitors come all the same.
    server = pair.server({ LOG_LEVEL: 'warn' });
    return 'server';
  },
  "an sshd's listener is killed": async () => {
    const { sshd, name } = random.pick(doors as [Door, ...Door[]]);
    const signal = random.pick<NodeJS.Signals>(['SIGKILL', 'SIGTERM', 'SIGTERM']);
    sshd.end(signal);
    await pause(random.whole(500, 5_000));
    sshd.resume();
    return `${name} ${signal}`;
  },
  'a log is renamed': () => {
    const door = random.pick(doors as [Door, ...Door[]]);
    return door.renameLog() ? door.name : null;
  },
};

async function disturb(): Promise<void> {
  while (!isOver) {
    await pause(random.whole(5_000, 30_000));
    const name = random.pick(Object.keys(DEEDS) as [string, ...string[]]);
    if (isOver) return;
    const begun = new Date().toISOString();
    const what = await DEEDS[name]?.();
    if (typeof what !== 'string') continue;
    counted(name);
    done.push(`${begun} to ${new Date().toISOString()} ${name}: ${what}`);
  }
}

// Of sessions that were over before an agent's first look nobody says when they ended.
for (const door of doors) {
  const client = crowd.login(door, 'sleep 600');
  const fault = await unsettled(door, true);
  client?.kill();
  if (fault !== null) throw new Error(`${door.name} is not looked at: ${fault}`);
}
const begunMs = performance.now();
const running = [watch(), disturb(), ...doors.map(visit)];
for (let minutes = 1; !isOver && performance.now() - begunMs < seconds * 1_000; await pause(500)) {
  if (performance.now() - begunMs < minutes * 60_000) continue;
  const visits = [...counts.values()].reduce((sum, n) => sum + n, 0);
  console.log(`${minutes} min: ${visits} visits and deeds, no connection reported`);
  minutes += 1;
}
isOver = true;
await Promise.all(running);

await answering();
const staying = new Set<ChildProcess>();
await crowd.leave(staying);
// sshd has ended all strangers by then: none of them takes the place of a login.
await pause((GRACE_SECONDS + 5) * 1_000);
for (const door of doors) {
  door.startAgent();
  for (let i = 0; i < STAYING; i += 1) {
    const client = crowd.login(door, 'sleep 600');
    if (client) staying.add(client);
  }
}
for (const door of faults.length === 0 ? doors : []) {
  const fault = await unsettled(door);
  if (fault !== null) faults.push(`${door.name}: ${fault}`);
}
faults.push(...(await alerts()).map(({ summary }) => summary));

const ends = new Map<string, number>();
let cursor: string | null = '';
while (cursor !== null) {
  const page: { sessions: Session[]; next: string | null } = await pair.api(
    `/api/sessions?open=false&limit=1000${cursor && `&cursor=${cursor}`}`,
  );
  for (const { host, how } of page.sessions) ends.set(`${host}: ${how}`, (ends.get(`${host}: ${how}`) ?? 0) + 1);
  cursor = page.next;
}
const table = (all: ReadonlyMap<string, number>): string =>
  [...all]
    .sort()
    .map(([name, n]) => `${String(n).padStart(6)}  ${name}\n`)
    .join('');
console.log(`Visitors and deeds:\n${table(counts)}Ends of sessions:\n${table(ends)}`);
const lastedS = Math.round((performance.now() - begunMs) / 1_000);
console.log(
  `${lastedS} s, ${doors.length} sshds; ${faults.length} faults${faults.map((fault) => `\n  ${fault}`).join('')}`,
);
if (faults.length > 0) console.log(done.slice(-SHOWN_LINES).join('\n'));
if (faults.length > 0)
  for (const { name, sshd } of doors)
    console.log(
      `${name}, port ${sshd.port}:\n${readFileSync(sshd.logFile, 'utf8').split('\n').slice(-SHOWN_LINES).join('\n')}`,
    );
await crowd.leave(new Set());
for (const { sshd } of doors) sshd.stop();
if (faults.length === 0) await pair.close();
else {
  await pair.end();
  console.log(`seed ${seed} failed; kept for a look: ${pair.folder}`);
}
process.exit(faults.length > 0 ? 1 : 0);
