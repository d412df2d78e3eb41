/** A large fleet on top of the demo's: five hundred hosts, and a thousand sources that guess passwords there within a day: what the page shows at first. */
import { GUESSED, type Log, OFFICE, PEOPLE } from './fleet.ts';
import { type LoggedConnection, login, wrongPasswords } from './logged-connection.ts';
import { Random } from './random.ts';

const MINUTE_MS = 60_000;
const WEEK_MS = 7 * 86_400_000;
/** Age of the oldest guess: an incident of it is still one of the last 24 hours after the demo ran for half an hour. */
const GUESSED_MS = 23.5 * 3_600_000;
const HOSTS = 500;
const SOURCES = 1_000;
/** Sources that guess in the last minutes: their incidents are open when the page is looked at. */
const NOW_SOURCES = 40;
/** Connections of a source, with six wrong passwords each: enough for brute-force. */
const CONNECTIONS = 3;

const host = (index: number): string => `node-${String(index).padStart(3, '0')}.example.net`;

/** The log of all these hosts, which a relay collects. */
export const CROWD_LOG: Log = {
  name: 'log-relay-crowd',
  form: 'iso',
  hosts: Array.from({ length: HOSTS }, (_, i) => host(i)) as [string, ...string[]],
};

/** All connections of the week before `nowMs` on these hosts. */
export function crowd(seed: number, nowMs: number): LoggedConnection[] {
  const random = new Random(seed);
  const connections: LoggedConnection[] = [];
  for (let i = 0; i < HOSTS; i++) {
    const scene = {
      atMs: nowMs - random.whole(MINUTE_MS, WEEK_MS),
      host: host(i),
      ip: random.pick(OFFICE as unknown as [string]),
    };
    connections.push(login(random, scene, random.pick(PEOPLE), 'publickey', random.whole(5_000, 40 * MINUTE_MS)));
  }
  for (let i = 0; i < SOURCES; i++) {
    const ago = i < NOW_SOURCES ? random.whole(2 * MINUTE_MS, 8 * MINUTE_MS) : random.whole(20 * MINUTE_MS, GUESSED_MS);
    const ip = `198.19.${100 + (i >> 8)}.${i & 255}`;
    for (let connection = 0; connection < CONNECTIONS; connection++) {
      const [user, known] = random.weighted(GUESSED);
      const scene = { atMs: nowMs - ago + connection * 15_000, host: host((i * 7) % HOSTS), ip };
      connections.push(wrongPasswords(random, scene, user, known, 6));
    }
  }
  return connections
    .filter(({ messages }) => (messages.at(-1)?.atMs ?? nowMs) < nowMs)
    .sort((a, b) => (a.messages[0]?.atMs ?? 0) - (b.messages[0]?.atMs ?? 0));
}
