/** Turns stored rows into the numbers that detectors read. */
import { sourceOf } from '../../service/ip-network.ts';
import type { DetectionConfig } from '../alert-config/rules.ts';
import type { RuleRow } from '../store/event-rows.ts';
import type { Allowlist } from './allowlist.ts';
import { BY_KEY, BY_PASSWORD, hashOf, OTHER_METHOD, type RuleEvent } from './rule-event.ts';
import type { StringInterner } from './string-interner.ts';

/** User names longer than this are cut, with a hash that keeps two long ones apart: they are held in memory. */
export const NAME_LIMIT = 64;
const HASH_LENGTH = 12;

const shortened = (name: string | null): string | null =>
  name === null || name.length <= NAME_LIMIT
    ? name
    : `${name.slice(0, NAME_LIMIT - HASH_LENGTH)}...#${hashOf(name).toString(16)}`;

/** What is computed once for each address. */
interface Address {
  /** The number of its source; 0 for a text that is no address. */
  readonly source: number;
  readonly isAllowed: boolean;
}

/** Reads rows for one engine. */
export class EventDecoder {
  readonly #texts: StringInterner;
  #config: DetectionConfig;
  #allowlist: Allowlist;
  /** By the number of the address. */
  #addresses: (Address | undefined)[] = [];

  constructor(texts: StringInterner, config: DetectionConfig, allowlist: Allowlist) {
    this.#texts = texts;
    this.#config = config;
    this.#allowlist = allowlist;
  }

  /** Takes other settings: for rows that are read from now on. */
  configure(config: DetectionConfig, allowlist: Allowlist): void {
    this.#config = config;
    this.#allowlist = allowlist;
    this.#addresses = [];
  }

  /** Forgets what is known of addresses whose numbers are given to other texts. */
  forget(numbers: readonly number[]): void {
    for (const number of numbers) this.#addresses[number] = undefined;
  }

  /** Fills `event` from a row. False where no rule may see the event. */
  decode(row: RuleRow, event: RuleEvent): boolean {
    const [id, seq, at, storedAt, agent, host, outcome, method, user, ip, , trust] = row;
    if (user !== null && this.#allowlist.hasUser(user)) return false;
    event.ip = this.#texts.number(ip);
    if (ip === null) event.source = 0;
    else {
      const address = this.#addresses[event.ip] ?? this.#address(ip, event.ip);
      if (address.isAllowed) return false;
      event.source = address.source;
    }
    event.at = event.place = at;
    event.id = id;
    event.seq = seq ?? 0;
    event.agent = agent;
    event.host = host;
    event.user = this.#texts.number(shortened(user));
    event.isRoot = user === 'root';
    event.outcome = outcome;
    event.method = methodOf(method);
    event.late = storedAt - at > this.#config.lateAfterMs;
    event.trust = trust === null ? 0 : trust + 1;
    return true;
  }

  #address(ip: string, number: number): Address {
    const source = this.#texts.number(sourceOf(ip, this.#config.ipv6Prefix));
    const address = { source, isAllowed: this.#allowlist.hasAddress(ip) };
    this.#addresses[number] = address;
    return address;
  }
}

/** A password is `password`, or `keyboard-interactive`, which is how PAM asks for one. */
function methodOf(method: string | null): number {
  if (method === 'publickey') return BY_KEY;
  return method === 'password' || method?.startsWith('keyboard-interactive') ? BY_PASSWORD : OTHER_METHOD;
}
