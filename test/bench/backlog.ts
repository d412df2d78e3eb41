/** A backlog on a real server: one agent sends an old log, and somebody breaks in elsewhere meanwhile, again and again. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { sends } from '../alphaserver/detection/agent.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';

/** Events of the old log. */
export const OLD_EVENTS = Number(process.env['OLD_EVENTS'] ?? 1_000_000);
const LINES_AT_ONCE = 1_000;
const OLD_AGENT = '5f0c1f6e-9d0b-4c57-8a25-0d8f3f6a7c21';
const NEW_AGENT = '5f0c1f6e-9d0b-4c57-8a25-0d8f3f6a7c22';
/** A break-in begins this long after the last one was sent. */
const EVERY_MS = 200;
const TRIES = 6;
/** How long the rules may take to come through all of it. */
const LIMIT_MS = 600_000;

export interface Backlog {
  /**
   * From the moment that a success was sent, and from its acknowledgement, to its alert on the stream, milliseconds: of those
   * sent while the old log was read.
   */
  readonly foundMs: readonly number[];
  readonly foundStoredMs: readonly number[];
  /** How long the old log took to be stored, and to be judged, milliseconds. */
  readonly storedMs: number;
  readonly judgedMs: number;
}

/** Sends it all, and waits until every break-in was found and the rules have nothing to do. */
export async function backlog(): Promise<Backlog> {
  const pair = await Pair.make();
  try {
    await pair.serving({ LOG_LEVEL: 'error' });
    const found = new Map<string, number>();
    const watching = watch(pair, found);
    const begunMs = performance.now();
    const storedMs = sendOldLog(pair.port).then(() => performance.now() - begunMs);
    const sent = new Map<string, number>();
    const acknowledged = new Map<string, number>();
    const lag = async (): Promise<number> =>
      Number(/^asgard_alerts_lag_seconds (\S+)/m.exec(await metricsOf(pair))?.[1] ?? Number.NaN);
    let isStored = false;
    void storedMs.then(() => {
      isStored = true;
    });
    for (let n = 0; !isStored || (await lag()) > 0; n += 1) {
      const ip = `198.51.${100 + (n >> 8)}.${n & 255}`;
      const seq = n * (TRIES + 1) + 1;
      const tries = Array.from({ length: TRIES }, () => ({ secondsAgo: 1, ip, host: 'elsewhere' }));
      await sends(pair.port, tries, seq, NEW_AGENT);
      sent.set(ip, performance.now());
      await sends(
        pair.port,
        [{ secondsAgo: 0, ip, host: 'elsewhere', user: 'mira', outcome: 'accepted' }],
        seq + TRIES,
        NEW_AGENT,
      );
      acknowledged.set(ip, performance.now());
      await new Promise((later) => setTimeout(later, EVERY_MS));
      if (performance.now() - begunMs > LIMIT_MS) throw new Error(`${n} break-ins sent, and the rules are not through`);
    }
    const judgedMs = performance.now() - begunMs;
    await until(
      () => found.size === sent.size,
      () => `${found.size} of ${sent.size} found`,
      60_000,
    );
    watching.abort();
    const since = (moments: ReadonlyMap<string, number>): number[] =>
      [...moments].map(([ip, atMs]) => (found.get(ip) ?? Number.POSITIVE_INFINITY) - atMs);
    return { foundMs: since(sent), foundStoredMs: since(acknowledged), storedMs: await storedMs, judgedMs };
  } finally {
    await pair.close();
  }
}

const metricsOf = async (pair: Pair): Promise<string> =>
  (await fetch(`http://127.0.0.1:${pair.httpPort}/metrics`)).text();

/** Notes when each source's break-in comes on the stream. */
function watch(pair: Pair, found: Map<string, number>): AbortController {
  const watching = new AbortController();
  const read = async (): Promise<void> => {
    // Of the events only probes, of which there are none, so that the alerts have the stream for themselves.
    const url = `http://127.0.0.1:${pair.httpPort}/api/stream?host=elsewhere&outcome=probe`;
    const stream = await fetch(url, { signal: watching.signal });
    let text = '';
    for await (const chunk of stream.body as ReadableStream<Uint8Array>) {
      text += Buffer.from(chunk).toString('latin1');
      const parts = text.split('\n\n');
      text = parts.pop() ?? '';
      for (const part of parts) {
        if (!part.startsWith('event: alert')) continue;
        const { rule, source } = JSON.parse(part.slice(part.indexOf('data: ') + 6)) as Record<string, string>;
        if (rule === 'break-in' && source && !found.has(source)) found.set(source, performance.now());
      }
    }
  };
  read().catch(() => {});
  return watching;
}

/** Sends a log of ten days ago as fast as the server takes it. Resolves when all of it is acknowledged. */
async function sendOldLog(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  let heard = '';
  socket.on('data', (chunk: Buffer) => {
    heard = (heard + chunk).slice(-200);
  });
  socket.write(`${JSON.stringify({ type: 'hello', version: 1, agent: OLD_AGENT, host: 'archive' })}\n`);
  const fromMs = Date.now() - 10 * 86_400_000;
  for (let seq = 1; seq <= OLD_EVENTS; seq += LINES_AT_ONCE) {
    const lines = Array.from({ length: LINES_AT_ONCE }, (_, i) => {
      const n = seq + i;
      const at = new Date(fromMs + n * 20).toISOString();
      const ip = `10.${(n >> 3) & 15}.${(n >> 7) & 255}.${n & 255}`;
      return `{"type":"event","seq":${n},"at":"${at}","outcome":"failed","method":"password","user":"user${n % 500}","invalidUser":false,"ip":"${ip}","port":4000}\n`;
    });
    if (!socket.write(lines.join(''))) await once(socket, 'drain');
  }
  await until(
    () => heard.includes(`"ack","seq":${OLD_EVENTS}}`),
    () => heard,
    LIMIT_MS,
  );
  socket.destroy();
}
