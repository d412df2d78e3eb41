/** Requests to the page and the API, as bytes over a socket. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { Pair } from '../../programs.ts';
import { until } from '../../until.ts';
import type { Target } from '../fuzz.ts';

const get = (path: string, ...headers: readonly string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers, '', ''].join('\r\n');

let pair: Pair | null = null;

/** A run that gives way to all else may wait for its server for as long. */
const START_LIMIT_MS = 600_000;

async function serving(): Promise<Pair> {
  const made = await Pair.make();
  try {
    const server = made.server({ LOG_LEVEL: 'error' });
    const isUp = (): Promise<boolean> => made.api('/healthz').then(Boolean, () => false);
    await until(isUp, () => server.output, START_LIMIT_MS);
    return made;
  } catch (error) {
    await made.close();
    throw error;
  }
}

/** A server that answers: each request gets an answer that is no failure of the server, or an end; afterwards it still serves. */
export const http: Target = {
  name: 'http',
  seeds: [
    get('/'),
    get('/api/summary?since=24h&until=2026-11-29T00:00:00Z'),
    get('/api/events?host=h&ip=192.0.2.1&user=root&outcome=failed&method=password&since=7d&limit=10&cursor=abc'),
    get('/api/timeline?since=24h&step=1h&host=h'),
    get('/api/top/sources?limit=5'),
    get('/api/alerts?open=true&limit=10'),
    get('/blocklist.txt?format=nftables&private=true', 'If-None-Match: "x"'),
    get('/api/hosts?limit=1', 'Accept-Encoding: gzip', 'Authorization: Basic Ong='),
    get('/api/sources/2001%3Adb8%3A%3A1'),
    'POST /api/alerts/x/ack HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"by":"x"}',
  ],
  // A stream, and half a request, are waited for.
  atOnce: 64,
  async open() {
    pair = await serving();
  },
  async run(input) {
    const { httpPort } = pair as Pair;
    const socket = connect(httpPort, '127.0.0.1').on('error', () => {});
    let got = '';
    socket.setEncoding('latin1').on('data', (piece: string) => {
      got += got.length < 10_000 ? piece : '';
    });
    socket.end(input);
    // A stream goes on by itself.
    const timer = setTimeout(() => socket.destroy(), 300);
    await once(socket, 'close').catch(() => {});
    clearTimeout(timer);
    const status = /^HTTP\/1\.1 (\d+)/.exec(got)?.[1] ?? '';
    if (/^50[0-24-9]/.test(status)) throw new Error(`answered ${got.slice(0, 500)}`);
    return [`${status} ${/"message":"([^"]*)/.exec(got)?.[1] ?? ''}`];
  },
  async close() {
    const made = pair;
    pair = null;
    if (made === null) return;
    const health = await fetch(`http://127.0.0.1:${made.httpPort}/healthz`);
    await made.close();
    if (!health.ok) throw new Error(`the server answers ${health.status} afterwards`);
  },
};
