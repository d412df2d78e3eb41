/** The login page, and the requests with which a session begins and ends. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { peerSourceOf } from '../../service/ip-network.ts';
import { type Access, addressOf } from './access.ts';
import { LOGIN, LOGOUT, ME } from './login-schema.ts';
import { Holdings } from './owner.ts';
import type { ApiApp } from './parameters.ts';
import { refuseForeign } from './same-origin.ts';

/** Passwords that are hashed or wait for it, over all: each takes some 0.3 s and 32 MiB. */
export const LOGINS_LIMIT = 64;
/** Those of one IPv4 address or IPv6 /64. */
export const LOGINS_PER_ADDRESS_LIMIT = 4;

const TYPES = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' } as const;
/** The files that anybody gets: the page before the login, and the icon that it has in common with the other. */
const FILES = ['login/login.html', 'login/login.js', 'login/login.css', 'icon.svg'] as const;

/** Passwords are hashed one at a time: together they would take the memory of the server. */
export class LoginQueue {
  readonly #waiting = new Holdings();
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when all before it is done; null where too many wait already. */
  async run<T>(address: string, work: () => Promise<T>): Promise<T | null> {
    const source = peerSourceOf(address);
    if (this.#waiting.all >= LOGINS_LIMIT || this.#waiting.of(source) >= LOGINS_PER_ADDRESS_LIMIT) return null;
    const leave = this.#waiting.hold(source, 1);
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      leave();
    }
  }
}

/** Adds what is there for people who are not logged in. Throws where a file of the page is missing. */
export function loginRoutes(app: ApiApp, access: Access): void {
  const hidden = { schema: { hide: true } };
  const queue = new LoginQueue();
  for (const path of FILES) {
    const name = basename(path);
    const content = readFileSync(join(import.meta.dirname, 'page', path));
    const type = `${TYPES[name.split('.')[1] as keyof typeof TYPES]}; charset=utf-8`;
    const url = name === 'login.html' ? '/login' : `/login/${name}`;
    app.get(url, hidden, async (_request, reply) => reply.type(type).header('cache-control', 'no-cache').send(content));
  }
  app.post('/login', { ...LOGIN, onRequest: refuseForeign }, async (request, reply) => {
    const { user: name, password } = request.body;
    const address = addressOf(request);
    access.refuseGuesses(address);
    const user = await queue.run(address, () =>
      access.options.users.verify(name, password).then((found) => ({ found })),
    );
    if (user === null)
      return reply.status(429).send({ error: 'too_many', message: 'too many logins at once: try again in a moment' });
    if (user.found === null) {
      await access.delayGuess(address, 'Wrong user name or password for the page');
      return reply.status(401).send({ error: 'unauthorized', message: 'user name or password is wrong' });
    }
    access.options.log.info(`User ${user.found.name} has logged in from ${address}`);
    access.begin(reply, user.found);
    return { name: user.found.name, role: user.found.role };
  });
  app.post('/logout', { ...LOGOUT, onRequest: refuseForeign }, async (request, reply) => {
    access.end(request, reply);
    return reply.status(204).send();
  });
}

/** Adds `GET /api/me`: who asks. */
export function meRoute(app: ApiApp, access: Access): void {
  app.get('/api/me', ME, async ({ actor }) => ({ ...actor, hasLogin: access.hasLogin }));
}
