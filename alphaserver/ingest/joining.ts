/** Lets hosts join by a code, and gives agents that did so their next certificates. */
import { readJoinCode } from '../../protocol/join-code.ts';
import type { Enroll } from '../../protocol/joining.ts';
import { GuessDelay } from '../../service/guess-delay.ts';
import type { Logger } from '../../service/logger.ts';
import { type Rejected, unauthorized } from './admission.ts';
import type { Authority } from './authority.ts';
import { type CodeUse, codeName, type JoinCodes, requestDigest } from './join-codes.ts';
import { type AgentCertificate, isCertificateName, type JoinedHosts } from './joined-hosts.ts';

/** Holds what an agent gets: its certificate and the authority's, in PEM. */
export interface Enrolled {
  readonly certificate: string;
  readonly ca: string;
}

/** Holds the parts that joining needs. */
export interface JoiningOptions {
  readonly authority: Authority;
  readonly codes: JoinCodes;
  readonly hosts: JoinedHosts;
  /** Uses a code by `letIn`, here or on all servers that share a log; what came of it is in `codes` and `hosts` afterwards. */
  readonly claim: (code: string, joined: Joined) => Promise<void>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly now: () => number;
}

/** Describes a host that asks to join by a code. */
export interface Joined extends CodeUse {
  readonly hosts: string | null;
  readonly joinedMs: number;
}

/**
 * Uses a code for a host, and notes that the host joined; nothing where the code is used up. Again is as once: a host has joined when
 * it first did, so that a repeat takes back no revocation, and no other host that joined by the name since.
 */
export function letIn(codes: JoinCodes, hosts: JoinedHosts, code: string, joined: Joined): void {
  const use = codes.use(code, joined, hosts);
  // Not only for a new use: a crash between the two leaves the use alone.
  if (use !== null) hosts.joined(joined.name, joined.hosts, use.joinedMs ?? joined.joinedMs);
}

/** Answers `enroll` and `renew`. */
export class Joining {
  readonly #options: JoiningOptions;
  readonly #guesses = new GuessDelay();

  constructor(options: JoiningOptions) {
    this.#options = options;
  }

  /** Answers a host that asks to join. A wrong code of an address is answered later each time. */
  async enroll({ code, csr, host }: Enroll, address: string): Promise<Enrolled | Rejected> {
    const { codes, hosts, authority, log, now } = this.#options;
    const nowMs = now();
    const refused = (message: string, delayMs = 0): Rejected => {
      log.warn(`Host ${host} from ${address} may not join: ${message}`);
      return unauthorized(message, { delayMs, isLogged: true });
    };
    const read = readJoinCode(code);
    if (read === null || !read.fingerprint.equals(authority.fingerprint()))
      return refused('the code is not one of this server', this.#guesses.wrong(address, nowMs));
    hosts.refresh();
    const found = codes.look(read.secret, host, csr, hosts, nowMs);
    if (!found.ok) return refused(found.message, found.isGuess ? this.#guesses.wrong(address, nowMs) : 0);
    if (!isCertificateName(found.name))
      return refused(
        'its name must be 1 to 64 letters, digits, dots, dashes and underscores: ALPHACLIENT_NAME sets it',
      );
    let certificate: string;
    try {
      certificate = await authority.certifyAgent(csr, found.name, nowMs);
    } catch (error) {
      return refused(`its request cannot be signed: ${error instanceof Error ? error.message : String(error)}`);
    }
    // Once more, since somebody else may have used the code meanwhile; what is used up is on disk before the certificate goes out.
    const joined = { name: found.name, hosts: found.hosts, request: requestDigest(csr), joinedMs: nowMs };
    if (found.isRepeat) letIn(codes, hosts, codeName(read.secret), joined);
    else await this.#options.claim(codeName(read.secret), joined);
    hosts.refresh();
    const taken = codes.look(read.secret, host, csr, hosts, nowMs);
    if (!taken.ok) return refused(taken.message);
    if (!taken.isRepeat) return refused('somebody else used the code meanwhile');
    log.info(`Host ${taken.name} has joined from ${address}`);
    return { certificate, ca: authority.certificate() };
  }

  /** Gives an agent its next certificate after the one that it showed, unless that has ended since it was let in. */
  async renew(csr: string, shown: AgentCertificate): Promise<Enrolled | Rejected> {
    const { authority, hosts, log, now } = this.#options;
    const { name } = shown;
    hosts.refresh();
    const fault = hosts.fault(shown);
    if (fault !== null) {
      log.warn(`The certificate of ${name} is not renewed: ${fault}`);
      return unauthorized(fault, { isLogged: true });
    }
    try {
      const certificate = await authority.certifyAgent(csr, name, now());
      log.info(`The certificate of ${name} is renewed`);
      return { certificate, ca: authority.certificate() };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn(`The certificate of ${name} is not renewed: ${reason}`);
      return unauthorized(`the request cannot be signed: ${reason}`, { isLogged: true });
    }
  }
}
