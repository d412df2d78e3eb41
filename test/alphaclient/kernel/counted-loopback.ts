/**
 * `node counted-loopback.ts SEED`, in a network namespace that nobody else is in: opens, half closes, closes and resets connections at
 * random, and compares after each step what the counters let stand with the tables.
 */
import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { CountedConnections } from '../../../alphaclient/kernel/connection-counters.ts';
import { type KernelConnection, readConnections } from '../../../alphaclient/kernel/connections.ts';
import { Chance } from '../../sshd/chance.ts';
import { until } from '../../until.ts';

const STEPS = 40;
const chance = new Chance(Number(process.argv[2]));
let reads = 0;
const counted = new CountedConnections(Date.now, {
  readAll: (folder) => {
    reads += 1;
    return readConnections(folder);
  },
});

/** By the client's address and port: a port may be in use with IPv4 and with IPv6. */
const accepted = new Map<string, Socket>();
const clients = new Map<string, Socket>();
const clientOf = (ip = '', port = 0): string => `${ip.replace('::ffff:', '')} ${port}`;
const keep = (all: Map<string, Socket>, client: string, socket: Socket): void => {
  all.set(client, socket);
  socket.on('error', () => {});
  socket.on('close', () => all.delete(client));
  socket.resume();
};
const server = createServer({ allowHalfOpen: true }, (socket) =>
  keep(accepted, clientOf(socket.remoteAddress, socket.remotePort), socket),
);
await new Promise<void>((done) => server.listen(0, () => done()));
const { port: serverPort } = server.address() as { port: number };

/** Connections in one order. Whether one is established may be late where the other side has closed it: [WHOLE_LOOK_EVERY_MS]. */
const listed = (connections: readonly KernelConnection[] | undefined | null): string[] =>
  (connections ?? []).map(({ ip, port, localPort }) => `${ip} ${port} ${localPort}`).sort();

async function open(): Promise<void> {
  const host = chance.one(['127.0.0.1', '::1']);
  const socket = connect({ port: serverPort, host, allowHalfOpen: true });
  await new Promise<void>((done) => socket.once('connect', () => done()));
  const client = clientOf(socket.localAddress, socket.localPort);
  keep(clients, client, socket);
  await until(() => accepted.has(client));
}

/** Ends one by a reset, where it is not half closed: libuv resets none of those. */
function end(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

const everything = (): Socket[] => [...clients.values(), ...accepted.values()];

for (let step = 0; step < STEPS; step++) {
  const [side, other] = chance.one([
    [accepted, clients],
    [clients, accepted],
  ] as const);
  const client = chance.one([...side.keys()]);
  const socket = side.get(client);
  const deed = chance.one(['open', 'open', 'half close', 'close', 'reset', 'replace', 'nothing', 'nothing']);
  if (deed === 'open' || socket === undefined) await open();
  else if (deed === 'half close') socket.end();
  else if (deed === 'close') socket.destroySoon();
  else if (deed === 'reset') end(socket);
  else if (deed === 'replace') {
    // The number of connections is the same before and after.
    end(socket);
    // One that has read the end of the other side hears of no reset.
    other.get(client)?.destroy();
    await until(() => !side.has(client) && !other.has(client));
    await open();
  }
  // Two looks with no event between them: what is read first is what is there in both.
  const looks = await Promise.all([counted.read(false), readConnections()]);
  assert.deepEqual(listed(looks[0]), listed(looks[1]?.connections), `after step ${step}, ${deed}`);
}

// The tables rest as soon as nothing moves.
for (const socket of everything()) socket.destroy();
await until(() => everything().length === 0);
await open();
const isResting = async (): Promise<boolean> => {
  const before = reads;
  await counted.read(false);
  return reads === before;
};
await until(isResting);
await open();
assert.equal(await isResting(), false);
for (const socket of everything()) socket.destroy();
server.close();
process.stdout.write(`${reads} looks read the tables\n`);
