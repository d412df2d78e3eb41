/** Ports for servers that tests start. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** Below those that Linux gives to whoever connects: tests beside this one connect all the time. */
const PORTS_FROM = 10_000;
const PORTS_END = 32_000;

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
  return PORTS_FROM + Math.floor(Math.random() * (PORTS_END - PORTS_FROM));
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
