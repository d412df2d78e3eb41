/** Ports for servers that tests start. */
import { createSocket } from 'node:dgram';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** Those that many a service has are below, and there is none above. */
const FIRST_PORT = 10_000;
const LAST_PORT = 65_535;
const PORTS = outside(...connecting());

/** The first and the last port that Linux gives to whoever connects; its default where it does not say. */
function connecting(): [number, number] {
  const file = '/proc/sys/net/ipv4/ip_local_port_range';
  const [from = 32_768, to = 60_999] = existsSync(file)
    ? readFileSync(file, 'utf8').trim().split(/\s+/).map(Number)
    : [];
  return [from, to];
}

/**
 * The first port and the number of those below or above the connecting ones, whichever are more: tests beside this one connect all
 * the time. All there are where that leaves none.
 */
function outside(from: number, to: number): { first: number; count: number } {
  const [below, above] = [from - FIRST_PORT, LAST_PORT - to];
  if (Math.max(below, above) <= 0) return { first: FIRST_PORT, count: LAST_PORT - FIRST_PORT + 1 };
  return below >= above ? { first: FIRST_PORT, count: below } : { first: to + 1, count: above };
}

/**
 * A port of loopback that nobody listens on, `wanted` where that is one. It is this process's until it ends: no test beside it is
 * given the same while the server that it is for is down.
 */
export async function freePort(wanted = 0): Promise<number> {
  let port = wanted === 0 ? anyPort() : wanted;
  while (!((await isFree(port)) && (await reserve(port)))) port = anyPort();
  return port;
}

function anyPort(): number {
  return PORTS.first + Math.floor(Math.random() * PORTS.count);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once('error', () => done(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)));
  });
}

/** Takes UDP's port of the same number, which nothing here uses, as a sign to others; the system takes it back whatever ends us. */
function reserve(port: number): Promise<boolean> {
  return new Promise((done) => {
    const sign = createSocket('udp4').unref();
    sign.once('error', () => {
      sign.close();
      done(false);
    });
    sign.bind({ port, address: '127.0.0.1', exclusive: true }, () => done(true));
  });
}
