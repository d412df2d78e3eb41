/** Tells whose events no rule sees. */
import { isIn, networks } from '../../service/ip-network.ts';

/** The addresses, networks and users whose events are left out. */
export class Allowlist {
  readonly #networks;
  readonly #users: ReadonlySet<string>;
  readonly #isEmpty: boolean;

  constructor({ addresses, users }: { readonly addresses: readonly string[]; readonly users: readonly string[] }) {
    this.#networks = networks(addresses);
    this.#users = new Set(users);
    this.#isEmpty = addresses.length === 0;
  }

  hasAddress(ip: string): boolean {
    return !this.#isEmpty && isIn(this.#networks, ip);
  }

  hasUser(user: string): boolean {
    return this.#users.size > 0 && this.#users.has(user);
  }
}
