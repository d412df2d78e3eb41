/**
 * Decides who asks: a user with a session, a script with a token, whoever knows the one password, or anybody where the server has
 * none of these. What changes anything is for operators, and for pages of this server alone.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import basicAuth from '@fastify/basic-auth';
import cookie from '@fastify/cookie';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { GuessDelay } from '../../service/guess-delay.ts';
import { peerAddress } from '../../service/ip-network.ts';
import type { Logger } from '../../service/logger.ts';
import type { Scope, Tokens } from '../ingest/tokens.ts';
import type { EndedSessions, EndingSession } from './ended-sessions.ts';
import { refuseForeign } from './same-origin.ts';
import type { Role, Users } from './users.ts';

/** Somebody who asks. */
export interface Actor {
  /** The name of who is logged in; null where nobody has to. */
  readonly name: string | null;
  readonly role: Role;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The user or script that asks, on all routes that need one. */
    actor: Actor;
  }
}

/** Answers to wrong passwords that wait at once, over all addresses; above it they are given without a delay. */
export const WAITING_LIMIT = 1_000;
/** A session ends so long after the login. */
export const SESSION_LIMIT_MS = 7 * 86_400_000;
/** The cookie of a session. Its prefix binds it to this host and to TLS (RFC 6265bis); plain HTTP can have none. */
export const cookieName = (encrypted: boolean): string => (encrypted ? '__Host-asgard' : 'asgard');

/** The facts by which access is decided. */
export interface AccessOptions {
  readonly users: Users;
  /** Tokens of scripts. */
  readonly tokens: Pick<Tokens, 'find'>;
  /** The one password, or null. */
  readonly password: string | null;
  /** True where somebody has to be logged in although there are neither users nor a password yet. */
  readonly closed: boolean;
  /** True where the page is served over TLS. */
  readonly encrypted: boolean;
  /** Signs sessions. */
  readonly secret: Buffer;
  /** Sessions that are over although their cookies are good. */
  readonly ended: EndedSessions;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly now: () => number;
}

/** The content of a session's cookie. */
interface SessionContent {
  readonly name: string;
  /** The time at which the user's password was set. */
  readonly changedMs: number;
  readonly endsMs: number;
  /** Tells sessions apart that began in the same millisecond; missing in those of earlier versions. */
  readonly id?: string;
}

const ID_BYTES = 16;
const BASIC = { realm: 'asgard' };
const READING: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const refused = (reply: FastifyReply, status: number, error: string, message: string): FastifyReply =>
  reply.status(status).send({ error, message });

/** The address that asks, an IPv4 one as it is. */
export const addressOf = (request: FastifyRequest): string => peerAddress(request.ip);

/** Knows who may do what. */
export class Access {
  readonly options: AccessOptions;
  readonly #wanted: Buffer | null;
  readonly #guesses = new GuessDelay();
  #waiting = 0;

  constructor(options: AccessOptions) {
    this.options = options;
    this.#wanted = options.password === null ? null : digest(options.password);
    if (options.password !== null && options.users.list().length > 0)
      options.log.warn(
        'ALPHASERVER_HTTP_PASSWORD is set although there are users: whoever knows it may do what an operator may; take it out of the settings',
      );
  }

  /** Makes cookies known to an app, for its routes with and without somebody. */
  async readCookies(app: FastifyInstance): Promise<void> {
    await app.register(cookie, { secret: this.options.secret });
  }

  /** Asks for somebody on all routes that are registered after it. */
  async protect(app: FastifyInstance): Promise<void> {
    app.decorateRequest('actor');
    await app.register(basicAuth, {
      authenticate: BASIC,
      validate: (_user, given, asking) => this.#checkPassword(given, asking),
    });
    app.addHook('onRequest', async (request, reply) => {
      const actor = await this.#actor(request, reply);
      if (actor === 'denied' || actor === null) return this.#unauthorized(request, reply, actor === 'denied');
      request.actor = actor;
      if (READING.includes(request.method)) return undefined;
      if (actor.role !== 'operator')
        return refused(reply, 403, 'forbidden', 'this is for operators: alphaserver user add NAME --role operator');
      return refuseForeign(request, reply);
    });
  }

  /** Throws a 429 where so many guesses of this address wait for their answers that a password is not looked at. */
  refuseGuesses(address: string): void {
    const leftMs = this.#guesses.fullForMs(address, this.options.now());
    if (leftMs === 0) return;
    const seconds = Math.ceil(leftMs / 1_000);
    throw Object.assign(new Error(`too many wrong passwords came from this address: try again in ${seconds} s`), {
      statusCode: 429,
    });
  }

  /** Waits as long as a wrong guess of this address has to, and logs it. */
  async delayGuess(address: string, what: string): Promise<void> {
    const delayMs = this.#guesses.wrong(address, this.options.now());
    this.options.log.warn(`${what} from ${address}`);
    if (this.#waiting >= WAITING_LIMIT) return;
    this.#waiting += 1;
    await new Promise((done) => setTimeout(done, delayMs));
    this.#waiting -= 1;
  }

  /** Sets the cookie of a new session. */
  begin(reply: FastifyReply, { name, changedMs }: { readonly name: string; readonly changedMs: number }): void {
    const id = randomBytes(ID_BYTES).toString('base64url');
    const content: SessionContent = { name, changedMs, endsMs: this.options.now() + SESSION_LIMIT_MS, id };
    const value = Buffer.from(JSON.stringify(content)).toString('base64url');
    const { encrypted } = this.options;
    reply.setCookie(cookieName(encrypted), value, {
      path: '/',
      httpOnly: true,
      sameSite: 'strict',
      secure: encrypted,
      signed: true,
      maxAge: SESSION_LIMIT_MS / 1_000,
    });
  }

  /** Ends a request's session, whoever else has its cookie, and takes the cookie away. Throws where that cannot be kept. */
  end(request: FastifyRequest, reply: FastifyReply): void {
    const { encrypted, ended, now } = this.options;
    reply.clearCookie(cookieName(encrypted), { path: '/', httpOnly: true, sameSite: 'strict', secure: encrypted });
    const session = this.#session(request);
    if (session !== null) ended.end(session, now());
  }

  /** Returns the user of a request's session, or null. */
  sessionOf(request: FastifyRequest): Actor | null {
    const session = this.#session(request);
    return session && { name: session.name, role: session.role };
  }

  /** Returns a question for answers that last: whether who asked may still see what they show. */
  standing(request: FastifyRequest): () => boolean {
    const [scheme = '', proof = ''] = (request.headers.authorization ?? '').split(' ', 2);
    if (/^bearer$/i.test(scheme)) return () => this.options.tokens.find(proof) !== null;
    if (/^basic$/i.test(scheme) && this.#wanted !== null) return () => true;
    return () => !this.hasLogin || this.#session(request) !== null;
  }

  /** Returns a request's session while it lasts, or null. */
  #session(request: FastifyRequest): (EndingSession & { readonly role: Role }) | null {
    const { users, encrypted, ended, now } = this.options;
    const shown = request.cookies[cookieName(encrypted)];
    const { valid, value } = shown === undefined ? { valid: false, value: null } : request.unsignCookie(shown);
    if (!valid || value === null) return null;
    const { name, changedMs, endsMs } = JSON.parse(Buffer.from(value, 'base64url').toString()) as SessionContent;
    const user = users.find(name);
    if (user === null || user.changedMs !== changedMs || now() >= endsMs) return null;
    const session = { name, beganMs: endsMs - SESSION_LIMIT_MS, endsMs, cookie: value, role: user.role };
    return ended.has(session) ? null : session;
  }

  /** True where users log in on the page. */
  get hasLogin(): boolean {
    return this.options.closed || this.options.users.list().length > 0;
  }

  /** Returns who asks: null is nobody, `denied` somebody whose proof is wrong or not good for this. */
  async #actor(request: FastifyRequest, reply: FastifyReply): Promise<Actor | 'denied' | null> {
    const [scheme = '', proof = ''] = (request.headers.authorization ?? '').split(' ', 2);
    if (/^bearer$/i.test(scheme)) return this.#byToken(proof, request);
    if (/^basic$/i.test(scheme) && this.#wanted !== null) return this.#byPassword(request, reply);
    if (!this.hasLogin) return this.#wanted === null ? { name: null, role: 'operator' } : null;
    return this.sessionOf(request);
  }

  async #byToken(token: string, request: FastifyRequest): Promise<Actor | 'denied'> {
    const found = this.options.tokens.find(token);
    if (found === null || found.scope === null) {
      await this.delayGuess(addressOf(request), 'Wrong token for the page');
      return 'denied';
    }
    const { scope, name } = found;
    const path = request.routeOptions.url ?? '';
    const isGood = scope === 'viewer' || scope === 'operator' || PATHS[scope] === path;
    return isGood ? { name: `token ${name}`, role: scope === 'operator' ? 'operator' : 'viewer' } : 'denied';
  }

  /** Lets the plugin read the header; rejects with a 401 where the password is wrong. */
  async #byPassword(request: FastifyRequest, reply: FastifyReply): Promise<Actor> {
    const { basicAuth } = request.server;
    await new Promise<void>((done, failed) =>
      basicAuth.call(request.server, request, reply, (error) => (error ? failed(error) : done())),
    );
    return { name: null, role: 'operator' };
  }

  async #checkPassword(given: string, request: FastifyRequest): Promise<void> {
    this.refuseGuesses(addressOf(request));
    // Digests have one length, so the comparison tells nothing by its time.
    if (this.#wanted !== null && timingSafeEqual(digest(given), this.#wanted)) return;
    await this.delayGuess(addressOf(request), 'Wrong password for the page');
    throw Object.assign(new Error('the password is wrong'), { statusCode: 401 });
  }

  #unauthorized(request: FastifyRequest, reply: FastifyReply, isDenied: boolean): FastifyReply {
    if (!isDenied && this.hasLogin && request.method === 'GET' && /\btext\/html\b/.test(request.headers.accept ?? ''))
      return reply.redirect(`/login?to=${encodeURIComponent(request.url)}`, 303);
    // A browser asks for the one password by itself; users log in on the page.
    if (this.#wanted !== null && !this.hasLogin) reply.header('www-authenticate', `Basic realm="${BASIC.realm}"`);
    else reply.header('www-authenticate', 'Bearer realm="asgard"');
    return refused(
      reply,
      401,
      'unauthorized',
      isDenied ? 'this password or token is not good for this' : 'log in first',
    );
  }
}

/** The one path that each narrow scope is for. */
const PATHS: Readonly<Record<Exclude<Scope, Role>, string>> = { metrics: '/metrics', blocklist: '/blocklist.txt' };
