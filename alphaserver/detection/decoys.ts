/** Tells which users and keys nobody has any reason to use. */

/** The users, and the fingerprints of keys (`SHA256:...`), that the rules file names as decoys. */
export class Decoys {
  readonly #users: ReadonlySet<string>;
  readonly #keys: ReadonlySet<string>;
  readonly #isEmpty: boolean;

  constructor({ users, keys }: { readonly users: readonly string[]; readonly keys: readonly string[] }) {
    this.#users = new Set(users);
    this.#keys = new Set(keys);
    this.#isEmpty = users.length + keys.length === 0;
  }

  /** True for an event with a decoy's name, or with its key: `ED25519 SHA256:...`, or a certificate of or by it. */
  has(user: string | null, key: string | null): boolean {
    if (this.#isEmpty) return false;
    if (user !== null && this.#users.has(user)) return true;
    return key !== null && this.#keys.size > 0 && key.split(/[ ,]/).some((word) => this.#keys.has(word));
  }
}
