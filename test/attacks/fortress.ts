/** A server process that is attacked: with tokens, a password, and somebody who watches its memory. */
import { Pair, type Program } from '../programs.ts';
import type { Target } from './attacks.ts';

/** The bound of docs/limits.md: how much memory the server may take above what it takes idle. */
export const MEMORY_LIMIT_MIB = 300;
const PASSWORD = 'a password of the page';
const SAMPLED_EVERY_MS = 100;

/** A running server, and the figures of its memory. */
export interface Fortress {
  readonly pair: Pair;
  readonly server: Program;
  readonly target: Target;
  /** The token of an agent that behaves well. */
  readonly goodToken: string;
  /** Idle memory, and the most since, MiB. */
  readonly idleMiB: number;
  peakMiB(): number;
  close(): Promise<void>;
}

/** Starts a server that wants tokens and a password; `more` are settings of it besides. */
export async function fortress(more: Record<string, string> = {}): Promise<Fortress> {
  const pair = await Pair.make();
  const tokenOf = async (...args: string[]): Promise<string> =>
    (await pair.serverCommand('token', 'add', ...args)).output.trim().split('\n').at(-1) ?? '';
  const [goodToken, token, ownToken] = [
    await tokenOf('good'),
    await tokenOf('evil', '--hosts', '*'),
    await tokenOf('taken'),
  ];
  const server = await pair.serving({
    ALPHASERVER_ANONYMOUS: 'false',
    ALPHASERVER_HTTP_PASSWORD: PASSWORD,
    LOG_LEVEL: 'error',
    // As package.json, the image and the packaged unit start it.
    NODE_OPTIONS: '--max-semi-space-size=2',
    MALLOC_ARENA_MAX: '2',
    ...more,
  });
  const idleMiB = server.memoryMiB;
  let peakMiB = idleMiB;
  const timer = setInterval(() => {
    // One that has just ended has no memory, which is no number.
    if (server.child.exitCode === null) peakMiB = Math.max(peakMiB, server.memoryMiB || 0);
  }, SAMPLED_EVERY_MS);
  return {
    pair,
    server,
    target: { port: pair.port, httpPort: pair.httpPort, password: PASSWORD, token, ownToken },
    goodToken,
    idleMiB,
    peakMiB: () => peakMiB,
    close: async () => {
      clearInterval(timer);
      await pair.close();
    },
  };
}
