/** Lets agents in: proves who somebody is, by token or certificate, and asks whether the agent is theirs. */
import type { Hello } from '../../protocol/messages.ts';
import { GuessDelay } from '../../service/guess-delay.ts';
import type { Logger } from '../../service/logger.ts';
import type { Binding, BindingChange } from '../store/store.ts';
import { Identities, type Identity } from './identity.ts';
import type { AgentCertificate, JoinedHosts } from './joined-hosts.ts';
import type { Tokens } from './tokens.ts';

/** What a connection shows of who is at its other end. */
export interface Peer {
  readonly address: string;
  /** The certificate that a TLS client showed, and what is wrong with it, as it ends a sentence; null without one. */
  readonly certificate: (AgentCertificate & { readonly fault: string | null }) | null;
}

/** An agent that was let in. */
export interface Admitted {
  readonly identity: Identity | null;
  /** What the store has to note of it, or null. */
  readonly change: BindingChange | null;
  /** The SHA-256 of its token, or null. */
  readonly tokenHash: string | null;
  /** The certificate that it was let in by, or null. */
  readonly certificate: AgentCertificate | null;
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
  /** The hosts that joined by a code; null where certificates are those of another authority. */
  readonly joined: JoinedHosts | null;
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
    const { tokens, joined } = this.#options;
    // Both are asked: each answers for what changed since it was asked last.
    return [tokens.refresh(), joined?.changed()].includes(true);
  }

  admit(hello: Hello, peer: Peer): Admitted | Rejected {
    const { tokens, joined, anonymous, needsCertificate, log, now } = this.#options;
    const token = hello.token === null ? null : tokens.find(hello.token);
    if (hello.token !== null && token === null && !anonymous)
      return { message: 'the token is not valid', delayMs: this.#guesses.wrong(peer.address, now()) };
    const shown = peer.certificate;
    const certificateFault = shown && (shown.fault === null ? joined?.fault(shown) : `its certificate ${shown.fault}`);
    const certificate = certificateFault ? null : shown;
    if (needsCertificate && certificate === null)
      return { message: certificateFault || 'a certificate of the client CA is needed', delayMs: 0 };
    const byToken = token && { key: `token:${token.name}`, hosts: token.hosts, ownHost: null };
    const identity: Identity | null = certificate
      ? {
          key: `certificate:${certificate.name}`,
          hosts: token?.hosts ?? joined?.hostsOf(certificate.name) ?? null,
          ownHost: certificate.name,
          former: byToken?.key ?? null,
        }
      : byToken;
    if (identity === null && !anonymous) {
      const message =
        certificateFault || 'a token or a certificate is needed: alphaserver enroll NAME gives a code to join by';
      if (certificateFault)
        log.warn(`Agent ${hello.agent} (host ${hello.host}) from ${peer.address} is not let in: ${message}`);
      return { message, delayMs: 0 };
    }
    const verdict = this.#identities.judge(identity, hello, now());
    if (!verdict.admitted) {
      log.warn(`Agent ${hello.agent} (host ${hello.host}) from ${peer.address} is not let in: ${verdict.message}`);
      return { message: verdict.message, delayMs: 0 };
    }
    for (const note of verdict.notes) log[verdict.change?.isClone ? 'warn' : 'info'](note);
    return { identity, change: verdict.change, tokenHash: token?.sha256 ?? null, certificate };
  }

  mayStay({ tokenHash, certificate }: Admitted): boolean {
    const { tokens, joined } = this.#options;
    if (certificate !== null && joined?.fault(certificate)) return false;
    return tokenHash === null || tokens.isValid(tokenHash);
  }

  eventHostFault({ identity }: Admitted, own: string, host: string): string | null {
    return this.#identities.eventHostFault(identity, own, host);
  }

  /** Takes over what another server's admission decided of an agent. */
  learn(agent: string, host: string, change: BindingChange): void {
    this.#identities.learn(agent, host, change, this.#options.now());
  }

  /** Forgets an agent that the store has forgotten. */
  forget(agent: string): void {
    this.#identities.forget(agent);
  }
}
