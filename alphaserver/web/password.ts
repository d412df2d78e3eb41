/** Asks for the page's password, and slows down whoever guesses it. */
import { createHash, timingSafeEqual } from 'node:crypto';
import basicAuth from '@fastify/basic-auth';
import type { FastifyInstance } from 'fastify';
import { GuessDelay } from '../../service/guess-delay.ts';
import type { Logger } from '../../service/logger.ts';

/** Answers to wrong passwords that wait at once, over all addresses; above it they are given without a delay. */
export const WAITING_LIMIT = 1_000;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** What the check of passwords stands on. */
export interface PasswordOptions {
  readonly password: string;
  readonly log: Pick<Logger, 'warn'>;
  readonly now: () => number;
}

/** Asks for the password on all routes that are registered after it. A right one is never asked to wait, whoever guesses beside it. */
export async function protect(app: FastifyInstance, { password, log, now }: PasswordOptions): Promise<void> {
  const wanted = digest(password);
  const guesses = new GuessDelay();
  let waiting = 0;
  await app.register(basicAuth, {
    authenticate: { realm: 'asgard' },
    validate: async (_user, given, request) => {
      // Digests have one length, so the comparison tells nothing by its time.
      if (timingSafeEqual(digest(given), wanted)) return;
      const address = request.ip.replace(/^::ffff:/, '');
      const delayMs = guesses.wrong(address, now());
      log.warn(`Wrong password for the page from ${address}`);
      if (waiting < WAITING_LIMIT) {
        waiting += 1;
        await new Promise((done) => setTimeout(done, delayMs));
        waiting -= 1;
      }
      throw Object.assign(new Error('the password is wrong'), { statusCode: 401 });
    },
  });
  app.addHook('onRequest', app.basicAuth);
}
