/** Detects fleet-scan, user-enumeration and break-in: the keys are sources. */
import type { DetectionConfig } from '../../alert-config/rules.ts';
import { type BaseState, type DetectorState, mayCrossWindow, REMEMBERED_ATTACK_MS, RuleDetector } from '../detector.ts';
import {
  ACCEPTED,
  type AgentOrder,
  BY_KEY,
  EVENT_FIELDS,
  FAILED,
  isTry,
  packedAgent,
  packedAt,
  packedId,
  packedOutcome,
  type RuleEvent,
} from '../rule-event.ts';
import {
  atOnce,
  distinctOf,
  endIfElsewhere,
  extend,
  mildly,
  observe,
  type Threshold,
  type ThresholdWindow,
} from '../threshold-window.ts';
import { addTry, newTryHistory, type TryHistory, triesBefore } from '../try-history.ts';

/** Bits of windows. */
const HOSTS = 1;
const USERS = 2;
const BREAK_INS = 4 | 8;

/** Says what a source did before a success: tried less often than the rule counts, tried by probes alone, or failed. */
type Before = 'little' | 'probes' | 'failed';

/**
 * Its memory has the tries that left the buffer, in any order: those count for `break-in` over the whole day. A mild break-in
 * has a window of its own, so that one which is not mild is an incident by itself.
 */
export class SourceDetector extends RuleDetector<TryHistory> {
  readonly kind = 'source';
  readonly rules = ['fleet-scan', 'user-enumeration', 'break-in', 'break-in'] as const;
  readonly thresholds = [
    distinctOf(this.config, 'fleet-scan', 'host'),
    distinctOf(this.config, 'user-enumeration', 'user'),
    atOnce(this.config),
    mildly(atOnce(this.config)),
  ] as const;
  readonly latenessMs = 120 * 60_000;
  readonly latenessEvents = 128;
  readonly rememberedMs = REMEMBERED_ATTACK_MS;
  readonly #order: AgentOrder;

  /** Its memory is changed by `settle` alone, so all states of a key share it. */
  constructor(config: DetectionConfig, order: AgentOrder) {
    super(config);
    this.#order = order;
  }

  override newMemory(): TryHistory {
    return newTryHistory();
  }

  mayOpen({ outcome }: RuleEvent, buffer: readonly number[], base: BaseState<TryHistory> | null): boolean {
    const [hosts, users] = this.thresholds;
    if (outcome === ACCEPTED)
      return base !== null || buffer.length > this.config.rules['break-in'].count * EVENT_FIELDS;
    return mayCrossWindow(0, hosts, buffer, base) || mayCrossWindow(1, users, buffer, base);
  }

  /** A try belongs to a break-in that is open, but opens none. */
  countedIn({ outcome, user }: RuleEvent, open: number): number {
    const { rules } = this.config;
    if (outcome === ACCEPTED || !rules['fleet-scan'].on || !rules['user-enumeration'].on) return 0;
    return HOSTS | (user > 0 ? USERS : 0) | (open & BREAK_INS);
  }

  observe(
    { windows, memory }: DetectorState<TryHistory>,
    event: RuleEvent,
    buffer: readonly number[],
    from: number,
  ): void {
    const [hosts, users, success, mild] = windows as [
      ThresholdWindow,
      ThresholdWindow,
      ThresholdWindow,
      ThresholdWindow,
    ];
    const { rules, quietMs } = this.config;
    const isSuccess = event.outcome === ACCEPTED;
    if (!isSuccess) {
      if (rules['fleet-scan'].on) observe(hosts, event, this.thresholds[0]);
      if (event.user > 0 && rules['user-enumeration'].on) observe(users, event, this.thresholds[1]);
    }
    const before = isSuccess && rules['break-in'].on ? this.#before(memory, event, buffer, from) : 'little';
    const isMild = before === 'probes' && event.method === BY_KEY;
    // Named is where and as whom it got in, not what it tried after that.
    if (before !== 'little' && !isMild) observeBreakIn(success, event, this.thresholds[2]);
    else extend(success, event, quietMs, isSuccess);
    if (isMild) observeBreakIn(mild, event, this.thresholds[3]);
    else extend(mild, event, quietMs, isSuccess);
  }

  #before({ tries, failed }: TryHistory, event: RuleEvent, buffer: readonly number[], from: number): Before {
    const { count, windowMs } = this.config.rules['break-in'];
    const { at, agent, id } = event;
    const rank = this.#order.rank(agent);
    const moment = { at, rank, id };
    let tried = triesBefore(tries, moment, windowMs, count);
    let hasFailed = triesBefore(failed, moment, windowMs, 1) > 0;
    for (let i = from; i < buffer.length && !(hasFailed && tried >= count); i += EVENT_FIELDS) {
      const outcome = packedOutcome(buffer, i);
      if (outcome === ACCEPTED) continue;
      const triedAt = packedAt(buffer, i);
      if (triedAt < at - windowMs || triedAt > at) continue;
      const difference = triedAt - at || this.#order.rank(packedAgent(buffer, i)) - rank || packedId(buffer, i) - id;
      if (difference >= 0) continue;
      tried += 1;
      hasFailed ||= outcome === FAILED;
    }
    return tried < count ? 'little' : hasFailed ? 'failed' : 'probes';
  }

  settle(history: TryHistory, event: RuleEvent): void {
    const { on, count } = this.config.rules['break-in'];
    if (!on || !isTry(event)) return;
    const { at, agent, id, outcome } = event;
    addTry(history, { at, rank: this.#order.rank(agent), id }, outcome === FAILED, count);
  }
}

/**
 * Adds a success. A source keeps its incident open for as long as it likes, by a try now and then: on a host where it has not
 * got in yet a success is an incident by itself once the one before has been open for `quietMs`, or nobody would hear of it.
 */
function observeBreakIn(window: ThresholdWindow, event: RuleEvent, threshold: Threshold): void {
  endIfElsewhere(window, event, threshold.quietMs);
  observe(window, event, threshold);
}
