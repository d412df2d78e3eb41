/** Ports for servers that tests start. */
import { createServer } from 'node:net';

/** Below those that Linux gives to whoever connects: tests beside this one connect all the time. */
const PORTS_FROM = 10_000;
const PORTS_END = 32_000;

/** A port of loopback that was free a moment ago; `wanted` where that is. */
export async function freePort(wanted = 0): Promise<number> {
  let port = wanted === 0 ? anyPort() : wanted;
  while (!(await isFree(port))) port = anyPort();
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
