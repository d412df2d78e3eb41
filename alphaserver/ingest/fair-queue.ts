/** Queues work for the next commit fairly (round-robin over agents), so that one with a million old events makes no other wait. Pure. */

/** An agent with no more than this waiting is light: what happens now. Above it, it is sending what it kept. */
const LIGHT_WEIGHT = 64;
/** Light agents may fill this part of what is taken at once. The rest is for heavy ones, so that they go on too. */
const LIGHT_SHARE = 3 / 4;

/** Describes a piece of one agent's work. */
export interface Weighed {
  readonly agent: string;
  /** How much it takes of what may be taken at once; at least 1. */
  readonly weight: number;
}

interface Agent<T> {
  readonly waiting: T[];
  weight: number;
}

/** Holds the order of each agent's work. Light agents go first, and among equals whoever had no turn for longest. */
export class FairQueue<T extends Weighed> {
  /** A map keeps the order in which its keys were set: the next to have a turn stands first. */
  readonly #light = new Map<string, Agent<T>>();
  readonly #heavy = new Map<string, Agent<T>>();
  #length = 0;

  /** How many pieces wait. */
  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    const agent = this.#light.get(item.agent) ?? this.#heavy.get(item.agent) ?? { waiting: [], weight: 0 };
    agent.waiting.push(item);
    agent.weight += item.weight;
    this.#length += 1;
    const [now, before] = agent.weight > LIGHT_WEIGHT ? [this.#heavy, this.#light] : [this.#light, this.#heavy];
    before.delete(item.agent);
    now.set(item.agent, agent);
  }

  /** Takes pieces up to a weight; of light agents and of heavy ones at least one each where any waits. */
  take(limit: number): T[] {
    const forLight = this.#heavy.size > 0 ? limit * LIGHT_SHARE : limit;
    const light = this.#takeFrom(this.#light, forLight);
    const left = limit - light.reduce((sum, { weight }) => sum + weight, 0);
    return [...light, ...this.#takeFrom(this.#heavy, left)];
  }

  /** Takes all that waits, in no order. */
  clear(): T[] {
    const all = [...this.#light.values(), ...this.#heavy.values()].flatMap(({ waiting }) => waiting);
    this.#light.clear();
    this.#heavy.clear();
    this.#length = 0;
    return all;
  }

  #takeFrom(agents: Map<string, Agent<T>>, limit: number): T[] {
    const taken: T[] = [];
    let left = limit;
    for (const [name, agent] of agents) {
      const [next] = agent.waiting;
      if (!next || (taken.length > 0 && next.weight > left)) break;
      agent.waiting.shift();
      agent.weight -= next.weight;
      this.#length -= 1;
      left -= next.weight;
      taken.push(next);
      agents.delete(name);
      if (agent.weight > LIGHT_WEIGHT) this.#heavy.set(name, agent);
      else if (agent.waiting.length > 0) this.#light.set(name, agent);
    }
    return taken;
  }
}
