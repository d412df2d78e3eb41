/** An agent of a few lines, as `nc` would be one. */
import { connect } from 'node:net';
import type { Trust } from '../../../protocol/event.ts';
import { BACK_LIMIT_MS } from '../../programs.ts';
import { until } from '../../until.ts';

/** An attempt that it tells of. */
export interface Attempt {
  readonly secondsAgo: number;
  readonly outcome?: 'accepted' | 'failed';
  readonly method?: string;
  readonly user?: string;
  readonly ip?: string;
  readonly host?: string;
  readonly key?: string;
  /** `syslog` unless given. */
  readonly trust?: Trust | null;
}

const AGENT = '5f0c1f6e-9d0b-4c57-8a25-0d8f3f6a7c11';

/** Sends these attempts, numbered from `seq`, and resolves when they are acknowledged; rejects when it is cut off before. */
export async function sends(port: number, attempts: readonly Attempt[], seq = 1, agent = AGENT): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  let heard = '';
  let closed = false;
  // Cut off by a server that is killed: what did not come shows it.
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
  });
  socket.on('data', (chunk: Buffer) => {
    heard += chunk;
  });
  const lines = attempts.map(
    (
      {
        secondsAgo,
        outcome = 'failed',
        method = 'password',
        user = 'root',
        ip = '203.0.113.5',
        host,
        key,
        trust = 'syslog',
      },
      i,
    ) => ({
      type: 'event',
      seq: seq + i,
      at: new Date(Date.now() - secondsAgo * 1_000).toISOString(),
      outcome,
      method,
      user,
      invalidUser: false,
      ip,
      port: 40_000,
      trust,
      ...(host ? { host } : {}),
      ...(key ? { key } : {}),
    }),
  );
  socket.write(
    [{ type: 'hello', version: 1, agent, host: 'box' }, ...lines].map((line) => `${JSON.stringify(line)}\n`).join(''),
  );
  const acknowledged = (): boolean => heard.includes(`"ack","seq":${seq + attempts.length - 1}}`);
  await until(
    () => closed || acknowledged(),
    () => heard,
  );
  socket.destroy();
  if (!acknowledged()) throw new Error(`cut off after ${heard.slice(-200)}`);
}

/** Sends them as `sends`, and again where it is cut off or told to come back, as an agent does. */
export async function sendsAtLast(port: number, attempts: readonly Attempt[], seq = 1): Promise<void> {
  let refused: unknown;
  await until(
    () =>
      sends(port, attempts, seq).then(
        () => true,
        (error: unknown) => {
          refused = error;
          return false;
        },
      ),
    () => `${attempts.length} attempts acknowledged; ${refused}`,
    BACK_LIMIT_MS,
  );
}

/** So many wrong passwords, a second apart, the last one a second ago. */
export const wrong = (count: number, given: Partial<Attempt> = {}): Attempt[] =>
  Array.from({ length: count }, (_, i) => ({ secondsAgo: count - i, ...given }));
