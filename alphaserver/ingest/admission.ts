/** Lets agents in: proves who somebody is, by token or certificate, and asks whether the agent is theirs. */
import { type ErrorCode, HELLO_DELAY_LIMIT_MS, type Hello } from '../../protocol/messages.ts';
import { GuessDelay } from '../../service/guess-delay.ts';
import type { Logger } from '../../service/logger.ts';
import type { Binding, BindingChange } from '../store/store.ts';
import type { FleetBounds } from './fleet-bounds.ts';
import { Identities, type Identity } from './identity.ts';
import type { AgentCertificate, JoinedHosts } from './joined-hosts.ts';
import type { Tokens } from './tokens.ts';

/** Describes what a connection shows of who is at its other end. */
export interface Peer {
  readonly address: string;
  /** The certificate that a TLS client showed, and what is wrong with it, as it ends a sentence; null without one. */
  readonly certificate: (AgentCertificate & { readonly fault: string | null }) | null;
}

/** Describes an agent that was let in. */
export interface Admitted {
  readonly identity: Identity | null;
  /** The fact that the store has to note of it, or null. */
  readonly change: BindingChange | null;
  /** The SHA-256 of its token, or null. */
  readonly tokenHash: string | null;
  /** The certificate that it was let in by, or null. */
  readonly certificate: AgentCertificate | null;
  /** How long its welcome has to wait: many new agents come at once. */
  readonly delayMs: number;
}

/** Describes who was refused, and why. */
export interface Rejected {
  readonly code: Extract<ErrorCode, 'unauthorized' | 'busy'>;
  readonly message: string;
  /** How long the answer has to wait. */
  readonly delayMs: number;
  /** True where the log has the refusal already. */
  readonly isLogged: boolean;
}

/** Decides who is let in, and who may stay. */
export interface Admission {
  admit(hello: Hello, peer: Peer): Admitted | Rejected;
  /** Looks for changes from outside; true where what `mayStay` says may have changed since the last call. Called once a second. */
  changed(): boolean;
  mayStay(admitted: Admitted): boolean;
  /** Decides whether an event of this agent may name this host. */
  eventHost(admitted: Admitted, hello: Hello, host: string): HostVerdict;
}

/** Says of a host that an event names how long its agent has to wait before it is read on, or why it is refused. */
export type HostVerdict = { readonly delayMs: number } | Omit<Rejected, 'delayMs' | 'isLogged'>;

/** Holds what admission decides by. */
export interface AdmissionOptions {
  readonly tokens: Tokens;
  /** The hosts that joined by a code; null where certificates are those of another authority. */
  readonly joined: JoinedHosts | null;
  /** True when agents without a token or certificate are let in. */
  readonly anonymous: boolean;
  /** True when agents must show a certificate of the client CA. */
  readonly needsCertificate: boolean;
  readonly bindings: Iterable<Binding>;
  readonly bounds: FleetBounds;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly now: () => number;
}

/** Admits agents by tokens and certificates. */
export class IdentityAdmission implements Admission {
  readonly #options: AdmissionOptions;
  readonly #identities: Identities;
  readonly #guesses = new GuessDelay(HELLO_DELAY_LIMIT_MS);

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
    const { tokens, joined, anonymous, needsCertificate, bounds, log, now } = this.#options;
    // Not with the answer, which may wait: of an agent that leaves before, nobody would hear why.
    const notLetIn = (message: string, delayMs = 0): Rejected => {
      log.warn(`Agent ${hello.agent} (host ${hello.host}) from ${peer.address} is not let in: ${message}`);
      return unauthorized(message, { delayMs, isLogged: true });
    };
    const token = hello.token === null ? null : tokens.find(hello.token);
    if (hello.token !== null && token === null && !anonymous)
      return notLetIn('the token is not valid', this.#guesses.wrong(peer.address, now()));
    const shown = peer.certificate;
    const certificateFault = shown && (shown.fault === null ? joined?.fault(shown) : `its certificate ${shown.fault}`);
    const certificate = certificateFault ? null : shown;
    if (needsCertificate && certificate === null)
      return unauthorized(certificateFault || 'a certificate of the client CA is needed');
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
      if (certificateFault) return notLetIn(certificateFault);
      return unauthorized(
        'a token or a certificate is needed: alphaserver token add NAME makes a token, and over TLS alphaserver enroll NAME a code to join by',
      );
    }
    const full = bounds.helloFault(hello.agent, hello.host);
    if (full !== null) return { code: 'busy', message: full, delayMs: 0, isLogged: false };
    const verdict = this.#identities.judge(identity, hello, now());
    if (!verdict.admitted) return notLetIn(verdict.message);
    for (const note of verdict.notes) log[verdict.change?.isClone ? 'warn' : 'info'](note);
    const delayMs = bounds.hello(hello.agent, hello.host, now());
    return { identity, change: verdict.change, tokenHash: token?.sha256 ?? null, certificate, delayMs };
  }

  mayStay({ tokenHash, certificate }: Admitted): boolean {
    const { tokens, joined } = this.#options;
    if (certificate !== null && joined?.fault(certificate)) return false;
    return tokenHash === null || tokens.isValid(tokenHash);
  }

  eventHost({ identity }: Admitted, { agent, host: own }: Hello, host: string): HostVerdict {
    const fault = this.#identities.eventHostFault(identity, own, host);
    if (fault !== null) return { code: 'unauthorized', message: fault };
    const bounded = this.#options.bounds.host(agent, host, this.#options.now());
    return 'fault' in bounded ? { code: 'busy', message: bounded.fault } : bounded;
  }

  /** Takes over what another server's admission decided of an agent. */
  learn(agent: string, host: string, change: BindingChange): void {
    const { bounds, now } = this.#options;
    this.#identities.learn(agent, host, change, now());
    bounds.hello(agent, host, now());
  }

  /** Forgets agents and hosts that the store has forgotten. */
  forget(agents: readonly string[], hosts: readonly string[]): void {
    for (const agent of agents) this.#identities.forget(agent);
    this.#options.bounds.forget(agents, hosts);
  }
}

/** Makes the answer to somebody who is not let in. */
export const unauthorized = (message: string, { delayMs = 0, isLogged = false }: Partial<Rejected> = {}): Rejected => ({
  code: 'unauthorized',
  message,
  delayMs,
  isLogged,
});
