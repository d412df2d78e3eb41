/** Lets agents in: proves who somebody is, by token or certificate, and asks whether the agent is theirs. */
import type { Hello } from '../../protocol/messages.ts';
import { GuessDelay } from '../../service/guess-delay.ts';
import type { Logger } from '../../service/logger.ts';
import type { Binding, BindingChange } from '../store/store.ts';
import { Identities, type Identity } from './identity.ts';
import type { Tokens } from './tokens.ts';

/** What a connection shows of who is at its other end. */
export interface Peer {
  readonly address: string;
  /** The name in the certificate that a TLS client showed, and whether the CA vouches for it; null without one. */
  readonly certificate: { readonly name: string; readonly isValid: boolean } | null;
}

/** An agent that was let in. */
export interface Admitted {
  readonly identity: Identity | null;
  /** What the store has to note of it, or null. */
  readonly change: BindingChange | null;
  /** The SHA-256 of its token, or null. */
  readonly tokenHash: string | null;
}

/** Somebody who was not. `delayMs` is how long the answer has to wait. */
export interface Rejected {
  readonly message: string;
  readonly delayMs: number;
}

/** Decides who is let in, and who may stay. */
export interface Admission {
  admit(hello: Hello, peer: Peer): Admitted | Rejected;
  /** Looks for changes from outside; true where what `mayStay` says may have changed since the last call. Called once a second. */
  changed(): boolean;
  mayStay(admitted: Admitted): boolean;
  /** Gives why an event of this agent may not name this host, or null. */
  eventHostFault(admitted: Admitted, own: string, host: string): string | null;
}

/** What admission stands on. */
export interface AdmissionOptions {
  readonly tokens: Tokens;
  /** True when agents without a token or certificate are let in. */
  readonly anonymous: boolean;
  /** True when agents must show a certificate of the client CA. */
  readonly needsCertificate: boolean;
  readonly bindings: Iterable<Binding>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly now: () => number;
}

/** Admission by tokens and certificates. */
export class IdentityAdmission implements Admission {
  readonly #options: AdmissionOptions;
  readonly #identities: Identities;
  readonly #guesses = new GuessDelay();

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#identities = new Identities(options.bindings);
  }

  changed(): boolean {
    return this.#options.tokens.refresh();
  }

  admit(hello: Hello, peer: Peer): Admitted | Rejected {
    const { tokens, anonymous, needsCertificate, log, now } = this.#options;
    const token = hello.token === null ? null : tokens.find(hello.token);
    if (hello.token !== null && token === null && !anonymous)
      return { message: 'the token is not valid', delayMs: this.#guesses.wrong(peer.address, now()) };
    const { certificate } = peer;
    if (needsCertificate && !certificate?.isValid)
      return { message: 'a certificate of the client CA is needed', delayMs: 0 };
    const identity: Identity | null = certificate?.isValid
      ? { key: `certificate:${certificate.name}`, hosts: token?.hosts ?? null, ownHost: certificate.name }
      : token && { key: `token:${token.name}`, hosts: token.hosts, ownHost: null };
    if (identity === null && !anonymous)
      return { message: 'a token is needed: alphaserver token add NAME makes one', delayMs: 0 };
    const verdict = this.#identities.judge(identity, hello, now());
    if (!verdict.admitted) {
      log.warn(`Agent ${hello.agent} (host ${hello.host}) from ${peer.address} is not let in: ${verdict.message}`);
      return { message: verdict.message, delayMs: 0 };
    }
    for (const note of verdict.notes) log[verdict.change?.isClone ? 'warn' : 'info'](note);
    return { identity, change: verdict.change, tokenHash: token?.sha256 ?? null };
  }

  mayStay({ tokenHash }: Admitted): boolean {
    return tokenHash === null || this.#options.tokens.isValid(tokenHash);
  }

  eventHostFault({ identity }: Admitted, own: string, host: string): string | null {
    return this.#identities.eventHostFault(identity, own, host);
  }

  /** Forgets an agent that the store has forgotten. */
  forget(agent: string): void {
    this.#identities.forget(agent);
  }
}
