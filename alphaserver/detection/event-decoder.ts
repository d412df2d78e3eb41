/** Turns stored rows into the numbers that detectors read. */

import { CRASH_REASON } from '../../protocol/event.ts';
import { sourceOf } from '../../service/ip-network.ts';
import { hashOf } from '../../service/text-hash.ts';
import type { DetectionConfig } from '../alert-config/rules.ts';
import type { RuleRow } from '../store/event-rows.ts';
import { fingerprintOf } from '../store/fingerprint.ts';
import { AddressCache } from './address-cache.ts';
import type { Allowlist } from './allowlist.ts';
import { Decoys } from './decoys.ts';
import { ACCEPTED, BY_KEY, BY_PASSWORD, OTHER_METHOD, type RuleEvent } from './rule-event.ts';
import type { StringInterner } from './string-interner.ts';

/** User names longer than this are cut, with a hash that keeps two long ones apart: they are held in memory. */
export const NAME_LIMIT = 64;
const HASH_LENGTH = 12;

/** An event whose time is further ahead of the server's clock is judged at the time it was stored: its host's clock is wrong. */
const AHEAD_LIMIT_MS = 10 * 60_000;

/** The beginning of the reason of a connection that sshd drops for a crash before it (PerSourcePenalties, OpenSSH 9.8 and later). */
const CRASH_PENALTY = 'dropped: penalty: caused crash';

const shortened = (name: string | null): string | null =>
  name === null || name.length <= NAME_LIMIT
    ? name
    : `${name.slice(0, NAME_LIMIT - HASH_LENGTH)}...#${hashOf(name).toString(16)}`;

/** Stands for the source of an allowed address: no rule may see its events. */
const ALLOWED = -1;

/** Reads rows for one engine. */
export class EventDecoder {
  readonly #texts: StringInterner;
  #config: DetectionConfig;
  #decoys: Decoys;
  #allowlist: Allowlist;
  /** The number of the source, or ALLOWED, by the number of the address: computed once for each address. */
  #sources: (number | undefined)[] = [];
  /** Numbers of addresses that are their own sources. */
  readonly #addresses = new AddressCache();
  /** The number of `root`; 0 where it is not at hand. */
  #root = 0;

  constructor(texts: StringInterner, config: DetectionConfig, allowlist: Allowlist) {
    this.#texts = texts;
    this.#config = config;
    this.#decoys = new Decoys(config.decoys);
    this.#allowlist = allowlist;
  }

  /** Takes other settings: for rows that are read from now on. */
  configure(config: DetectionConfig, allowlist: Allowlist): void {
    this.#config = config;
    this.#decoys = new Decoys(config.decoys);
    this.#allowlist = allowlist;
    this.#sources = [];
    this.#addresses.clear();
  }

  /** Forgets the numbers that it knows: to be called when numbers of texts are given to other texts. */
  forget(): void {
    this.#sources = [];
    this.#addresses.clear();
    this.#root = 0;
  }

  /** Fills `event` from a row. False where no rule may see the event. */
  decode(row: RuleRow, event: RuleEvent): boolean {
    const [id, seq, at, storedAt, agent, host, outcome, method, user, ip, key, trust, reason] = row;
    if (user !== null && this.#allowlist.hasUser(user)) return false;
    if (ip === null) event.ip = event.source = 0;
    else {
      event.ip = event.source = this.#addresses.number(ip);
      if (event.ip === 0 && !this.#readAddress(ip, event)) return false;
    }
    event.isAhead = at > storedAt + AHEAD_LIMIT_MS;
    event.at = event.place = event.isAhead ? storedAt : at;
    event.id = id;
    event.seq = seq ?? 0;
    event.agent = agent;
    event.host = host;
    event.isRoot = user === 'root';
    event.user = event.isRoot ? this.#rootNumber() : this.#texts.number(shortened(user));
    event.key = outcome === ACCEPTED && key !== null ? this.#texts.number(fingerprintOf(key)) : 0;
    event.outcome = outcome;
    event.method = methodOf(method);
    event.late = storedAt - at > this.#config.lateAfterMs;
    event.trust = trust === null ? 0 : trust + 1;
    event.isDecoy = this.#decoys.has(user, key);
    event.isCrash = reason !== null && (reason === CRASH_REASON || reason.startsWith(CRASH_PENALTY));
    return true;
  }

  /** Most tries are for root: its number is at hand, and the text need not be hashed. */
  #rootNumber(): number {
    this.#root ||= this.#texts.number('root');
    return this.#root;
  }

  /** Fills in an address that is not at hand. False for an allowed one. */
  #readAddress(ip: string, event: RuleEvent): boolean {
    event.ip = this.#texts.number(ip);
    event.source = this.#sources[event.ip] ?? this.#sourceOf(ip, event.ip);
    if (event.source === event.ip) this.#addresses.remember(ip, event.ip);
    return event.source !== ALLOWED;
  }

  #sourceOf(ip: string, number: number): number {
    const source = this.#allowlist.hasAddress(ip) ? ALLOWED : this.#texts.number(sourceOf(ip, this.#config.ipv6Prefix));
    this.#sources[number] = source;
    return source;
  }
}

/** A password is `password`, or `keyboard-interactive`, which is how PAM asks for one. */
function methodOf(method: string | null): number {
  if (method === 'publickey') return BY_KEY;
  return method === 'password' || method?.startsWith('keyboard-interactive') ? BY_PASSWORD : OTHER_METHOD;
}
