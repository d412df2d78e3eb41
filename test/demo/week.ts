/** A week of the simulated fleet: what its people do, and what is done to it. The same seed and anchor give the same week. */
import {
  BACKUP,
  BROKEN_HOST,
  bot,
  DEPLOY,
  GIT,
  GUESSED,
  HOSTS,
  inNetwork,
  KEY_HOST,
  OFFICE,
  PEOPLE,
  SILENT_HOST,
  scanner,
  UPGRADED_HOST,
} from './fleet.ts';
import { type LoggedConnection, login, probe, strange, wrongPasswords } from './logged-connection.ts';
import { Random } from './random.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const SCANNERS = 48;

export interface WeekOptions {
  readonly seed: number;
  /** Time at which the week ends: now. Unix milliseconds. */
  readonly nowMs: number;
  /** Scale of the week; 1 gives some 40,000 events. */
  readonly scale?: number;
}

/** All connections of the week before `nowMs`, by their first line's time. */
export function week({ seed, nowMs, scale = 1 }: WeekOptions): LoggedConnection[] {
  const random = new Random(seed);
  const startMs = nowMs - 7 * DAY_MS;
  const connections = [
    ...background(random, startMs, nowMs, scale),
    ...working(random, startMs, nowMs),
    ...bruteForces(random, nowMs, scale),
    ...spraying(random, nowMs, scale),
    ...fleetScan(random, nowMs),
    ...breakIn(random, nowMs),
    ...keyHost(random, nowMs),
    ...upgraded(random, nowMs),
  ];
  return connections
    .filter(({ messages }) => (messages.at(-1)?.atMs ?? nowMs) < nowMs)
    .sort((a, b) => (a.messages[0]?.atMs ?? 0) - (b.messages[0]?.atMs ?? 0));
}

/** Writes the background of any address on the internet: a few guesses, a few scans, from everywhere, all the time. */
function* background(random: Random, startMs: number, nowMs: number, scale: number): Generator<LoggedConnection> {
  let atMs = startMs;
  while (atMs < nowMs) {
    atMs += random.whole(10_000, 60_000) / scale;
    yield scan(random, atMs, scanner(random.whole(0, SCANNERS - 1)), random.pick(HOSTS));
  }
}

/** One connection of a scanner. */
export function scan(random: Random, atMs: number, ip: string, host: string): LoggedConnection {
  const scene = { atMs, host, ip };
  const [user, known] = random.weighted(GUESSED);
  if (random.chance(0.25)) return probe(random, scene, known || random.chance(0.5) ? null : user);
  return wrongPasswords(
    random,
    scene,
    user,
    known,
    random.weighted([
      [6, 1],
      [2, 2],
      [2, 3],
      [1, 6],
    ]),
  );
}

/** The fleet's people by day and its machines round the clock. */
function* working(random: Random, startMs: number, nowMs: number): Generator<LoggedConnection> {
  for (let atMs = startMs; atMs < nowMs; atMs += HOUR_MS) {
    const hour = new Date(atMs).getUTCHours();
    const atWork = hour >= 7 && hour < 18;
    for (let i = random.whole(0, atWork ? 6 : 1); i > 0; i--)
      yield people(random, atMs + random.whole(0, HOUR_MS), random.pick(HOSTS));
    for (let i = 0; i < 4; i++)
      yield login(
        random,
        { atMs: atMs + i * 15 * MINUTE_MS, host: KEY_HOST, ip: '192.0.2.101' },
        GIT,
        'publickey',
        2_000,
      );
  }
}

/** Somebody of the fleet logs in, by key, seldom by password and then now and then with a slip. */
export function people(random: Random, atMs: number, host: string): LoggedConnection {
  const scene = { atMs, host, ip: random.pick(OFFICE as unknown as [string]) };
  const account = random.chance(0.3) ? DEPLOY : random.pick(PEOPLE);
  const byKey = host === KEY_HOST || random.chance(0.85);
  const sessionMs = random.whole(5_000, 40 * MINUTE_MS);
  return login(
    random,
    scene,
    account,
    byKey ? 'publickey' : 'password',
    sessionMs,
    !byKey && random.chance(0.2) ? 1 : 0,
  );
}

/** Brute force: one address, one host, as fast as it goes, some nights. */
function* bruteForces(random: Random, nowMs: number, scale: number): Generator<LoggedConnection> {
  const bursts: [number, string, string, number][] = [
    [5.8 * DAY_MS, 'web-1', scanner(60), 500],
    [3.6 * DAY_MS, 'mail-1', scanner(61), 1_200],
    [1.3 * DAY_MS, 'api-1', scanner(62), 400],
    [14 * HOUR_MS, 'web-2', scanner(63), 700],
    [50 * MINUTE_MS, 'web-3', scanner(64), 160],
    [9 * MINUTE_MS, 'db-1', scanner(65), 120],
  ];
  for (const [agoMs, host, ip, connections] of bursts)
    yield* bruteForce(random, nowMs - agoMs, host, ip, connections * scale);
}

/** One brute force: connections a few seconds apart, three to six guesses each, most of them for root. */
export function* bruteForce(
  random: Random,
  startMs: number,
  host: string,
  ip: string,
  connections: number,
): Generator<LoggedConnection> {
  let atMs = startMs;
  for (let i = 0; i < connections; i++) {
    atMs += random.whole(200, 5_000);
    const [user, known] = random.chance(0.8) ? (['root', true] as const) : random.weighted(GUESSED);
    yield wrongPasswords(random, { atMs, host, ip }, user, known, random.whole(3, 6));
  }
}

/** Many addresses, few users, each address seldom: no rule for one source sees it. */
function* spraying(random: Random, nowMs: number, scale: number): Generator<LoggedConnection> {
  const botnet = Array.from({ length: 180 }, () => bot(random)) as [string];
  for (let agoMs = 2.6 * DAY_MS; agoMs > 1.9 * DAY_MS; agoMs -= random.whole(8_000, 40_000) / scale)
    yield wrongPasswords(
      random,
      { atMs: nowMs - agoMs, host: random.pick(HOSTS), ip: random.pick(botnet) },
      'postgres',
      true,
      1,
    );
  for (let agoMs = 2 * HOUR_MS; agoMs > 20_000; agoMs -= random.whole(20_000, 100_000))
    yield wrongPasswords(
      random,
      { atMs: nowMs - agoMs, host: random.pick(HOSTS), ip: random.pick(botnet) },
      'deploy',
      true,
      1,
    );
}

/** One IPv6 network looks at every host in turn, from an address of its own each time. */
function* fleetScan(random: Random, nowMs: number): Generator<LoggedConnection> {
  for (const agoMs of [4.4 * DAY_MS, 26 * HOUR_MS, 3 * HOUR_MS]) {
    let atMs = nowMs - agoMs;
    const ip = inNetwork(random);
    for (const host of HOSTS) {
      atMs += random.whole(5_000, 90_000);
      yield wrongPasswords(random, { atMs, host, ip }, 'root', true, 2);
    }
    for (let i = 0; i < 30; i++) {
      atMs += random.whole(1_000, 60_000);
      yield wrongPasswords(
        random,
        { atMs, host: random.pick(HOSTS), ip: inNetwork(random) },
        ...random.weighted(GUESSED),
        1,
      );
    }
  }
}

/** Slow guesses at the backup account, and then one is right. */
function* breakIn(random: Random, nowMs: number): Generator<LoggedConnection> {
  const ip = '203.0.113.66';
  for (let i = 0; i < 14; i++) {
    const atMs = nowMs - 11 * HOUR_MS + i * 23 * MINUTE_MS;
    yield wrongPasswords(random, { atMs, host: BROKEN_HOST, ip }, BACKUP.user, true, 2);
  }
  yield login(random, { atMs: nowMs - 5.4 * HOUR_MS, host: BROKEN_HOST, ip }, BACKUP, 'password', 25 * MINUTE_MS);
  yield login(random, { atMs: nowMs - 4.6 * HOUR_MS, host: BROKEN_HOST, ip }, BACKUP, 'password', 9 * MINUTE_MS);
}

/** The host that takes keys alone takes a password, once. */
function* keyHost(random: Random, nowMs: number): Generator<LoggedConnection> {
  const scene = { atMs: nowMs - 31 * HOUR_MS, host: KEY_HOST, ip: '203.0.113.9' };
  yield login(random, scene, PEOPLE[3] as (typeof PEOPLE)[0], 'password', 3 * MINUTE_MS);
}

/** Since its upgrade, this host's sshd says things that no grammar knows. */
function* upgraded(random: Random, nowMs: number): Generator<LoggedConnection> {
  for (let agoMs = 20 * HOUR_MS; agoMs > MINUTE_MS; agoMs -= random.whole(1, 20) * MINUTE_MS) {
    const scene = { atMs: nowMs - agoMs, host: UPGRADED_HOST, ip: scanner(random.whole(0, SCANNERS - 1)) };
    yield strange(random, scene, random.weighted(GUESSED)[0]);
  }
}

/** Yields events while people look: endless, in order, some each few seconds. `hosts` are those that still write. */
export function* goingOn(seed: number, nowMs: number): Generator<LoggedConnection> {
  const random = new Random(seed);
  const alive = [...HOSTS.filter((host) => host !== SILENT_HOST), 'edge-sfo', 'edge-sfo'] as unknown as [string];
  let atMs = nowMs;
  for (;;) {
    atMs += random.whole(150, 2_500);
    if (random.chance(0.006)) {
      for (const connection of bruteForce(random, atMs, random.pick(alive), scanner(random.whole(66, 90)), 12)) {
        yield connection;
        atMs = Math.max(atMs, connection.messages[0]?.atMs ?? 0);
      }
    } else if (random.chance(0.04)) yield people(random, atMs, random.pick(alive));
    else if (random.chance(0.02))
      yield strange(random, { atMs, host: UPGRADED_HOST, ip: scanner(random.whole(0, SCANNERS - 1)) }, 'root');
    else yield scan(random, atMs, scanner(random.whole(0, SCANNERS - 1)), random.pick(alive));
  }
}
