/** Detects fleet-scan, user-enumeration and break-in: the keys are sources. */
import type { DetectionConfig } from '../../alert-config/rules.ts';
import {
  type BaseState,
  type Detector,
  type DetectorState,
  mayCrossWindow,
  REMEMBERED_ATTACK_MS,
} from '../detector.ts';
import { addFailure, type FailureHistory, failuresBefore } from '../failure-history.ts';
import {
  ACCEPTED,
  type AgentOrder,
  EVENT_FIELDS,
  FAILED,
  PROBE,
  packedAgent,
  packedAt,
  packedId,
  packedOutcome,
  type RuleEvent,
} from '../rule-event.ts';
import { atOnce, distinctOf, extend, observe, type ThresholdWindow } from '../threshold-window.ts';

const RULES = ['fleet-scan', 'user-enumeration', 'break-in'] as const;

/** Its memory has the failures that left the buffer, in any order: those count for `break-in` over the whole day. */
export class SourceDetector implements Detector<FailureHistory> {
  readonly kind = 'source';
  readonly rules = RULES;
  readonly thresholds;
  readonly latenessMs = 120 * 60_000;
  readonly latenessEvents = 128;
  readonly rememberedMs = REMEMBERED_ATTACK_MS;
  readonly #config: DetectionConfig;
  readonly #order: AgentOrder;

  constructor(config: DetectionConfig, order: AgentOrder) {
    this.#config = config;
    this.#order = order;
    this.thresholds = [
      distinctOf(config, RULES[0], 'host'),
      distinctOf(config, RULES[1], 'user'),
      atOnce(config),
    ] as const;
  }

  newMemory(): FailureHistory {
    return [];
  }

  /** Only `settle` changes it, so all states of a key share it. */
  copyMemory(history: FailureHistory): FailureHistory {
    return history;
  }

  mayOpen({ outcome }: RuleEvent, buffer: readonly number[], base: BaseState<FailureHistory> | null): boolean {
    const [hosts, users] = this.thresholds;
    if (outcome === ACCEPTED)
      return base !== null || buffer.length > this.#config.rules['break-in'].count * EVENT_FIELDS;
    return mayCrossWindow(0, hosts, buffer, base) || mayCrossWindow(1, users, buffer, base);
  }

  observe(
    { windows, memory }: DetectorState<FailureHistory>,
    event: RuleEvent,
    buffer: readonly number[],
    from: number,
  ): void {
    const [hosts, users, success] = windows as [ThresholdWindow, ThresholdWindow, ThresholdWindow];
    const { rules, quietMs } = this.#config;
    const { outcome } = event;
    if (outcome === FAILED && rules['fleet-scan'].on) observe(hosts, event, this.thresholds[0]);
    // A name that is probed and never given a password was tried, too.
    if (outcome !== ACCEPTED && event.user > 0 && rules['user-enumeration'].on)
      observe(users, event, this.thresholds[1]);
    if (outcome === PROBE) return;
    if (outcome === ACCEPTED && rules['break-in'].on && this.#hasFailed(memory, event, buffer, from))
      observe(success, event, this.thresholds[2]);
    // Named is where and as whom it got in, not what it tried after that.
    else extend(success, event, quietMs, outcome === ACCEPTED);
  }

  /** True when the source failed often enough before a success. */
  #hasFailed(history: FailureHistory, { at, agent, id }: RuleEvent, buffer: readonly number[], from: number): boolean {
    const { count, windowMs } = this.#config.rules['break-in'];
    const rank = this.#order.rank(agent);
    let failures = failuresBefore(history, at, rank, id, windowMs, count);
    for (let i = from; i < buffer.length && failures < count; i += EVENT_FIELDS) {
      if (packedOutcome(buffer, i) !== FAILED) continue;
      const failedAt = packedAt(buffer, i);
      if (failedAt < at - windowMs || failedAt > at) continue;
      const difference = failedAt - at || this.#order.rank(packedAgent(buffer, i)) - rank || packedId(buffer, i) - id;
      if (difference < 0) failures += 1;
    }
    return failures >= count;
  }

  settle(history: FailureHistory, { outcome, at, agent, id }: RuleEvent): void {
    const { on, count } = this.#config.rules['break-in'];
    if (on && outcome === FAILED) addFailure(history, at, this.#order.rank(agent), id, count);
  }
}
