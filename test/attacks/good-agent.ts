/** An agent that behaves well, by hand: it sends one event at a time and measures how long each acknowledgement takes. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

/** All acknowledgements are there after so long, whatever else the machine does; without a bound a test would say nothing at all. */
const LIMIT_MS = 240_000;

/**
 * Sends so many events, one every `everyMs`; resolves with the milliseconds that each acknowledgement took. Rejects where the
 * connection ends, and after `limitMs` with what it has waited for.
 */
export async function acknowledged(
  port: number,
  token: string,
  count: number,
  everyMs: number,
  limitMs = LIMIT_MS,
): Promise<number[]> {
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  await once(socket, 'connect');
  const sentMs: number[] = [];
  const tookMs: number[] = [];
  let isWelcome = false;
  const state = (): string =>
    `${isWelcome ? 'welcome' : 'no welcome'}; ${sentMs.length} of ${count} events sent, ${tookMs.length} acknowledged`;
  let deadline: NodeJS.Timeout | undefined;
  const done = new Promise<void>((resolve, reject) => {
    deadline = setTimeout(
      () => reject(new Error(`not all acknowledged after ${limitMs / 1_000} s: ${state()}`)),
      limitMs,
    );
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`the server closed the connection: ${state()}`)));
    let text = '';
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const { type, seq } of lines.map((one) => JSON.parse(one) as { type: string; seq?: number })) {
        if (type === 'error') reject(new Error(lines.join()));
        if (type === 'welcome') isWelcome = true;
        if (type !== 'ack' || seq === undefined) continue;
        while (tookMs.length < seq) tookMs.push(performance.now() - (sentMs[tookMs.length] ?? 0));
        if (tookMs.length >= count) resolve();
      }
    });
  });
  socket.write(`${JSON.stringify({ type: 'hello', version: 1, agent: randomUUID(), host: 'good', token })}\n`);
  const timer = setInterval(() => {
    if (sentMs.length >= count) clearInterval(timer);
    else {
      sentMs.push(performance.now());
      const seq = sentMs.length;
      const at = new Date().toISOString();
      const event = { outcome: 'failed', method: 'password', user: 'root', ip: '192.0.2.1', port: 1 };
      socket.write(`${JSON.stringify({ type: 'event', seq, at, ...event })}\n`);
    }
  }, everyMs);
  try {
    await done;
    return tookMs;
  } finally {
    clearTimeout(deadline);
    clearInterval(timer);
    socket.destroy();
  }
}
