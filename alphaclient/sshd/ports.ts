/** How many open connections have each port of a client: few have one that another has. */

const PORTS = 65_536;

/** A count for each port there can be. */
export class Ports {
  readonly #counts = new Uint16Array(PORTS);

  /** How many have this port. */
  of(port: number): number {
    return this.#counts[port] as number;
  }

  /** One more has it, or one less (`by` is 1 or -1); nothing happens for null. */
  count(port: number | null, by: number): void {
    if (port !== null) this.#counts[port] = (this.#counts[port] as number) + by;
  }
}
