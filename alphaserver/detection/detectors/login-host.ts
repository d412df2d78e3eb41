/** Detects password-on-key-host: the keys are hosts that are logged in to. */
import type { DetectionConfig } from '../../alert-config/rules.ts';
import { type BaseState, type Detector, type DetectorState, REMEMBERED_LOGIN_MS } from '../detector.ts';
import { BY_KEY, BY_PASSWORD, EVENT_FIELDS, type RuleEvent } from '../rule-event.ts';
import { atOnce, observe, type ThresholdWindow } from '../threshold-window.ts';

const RULES = ['password-on-key-host'] as const;

/** Remembers how many of the last successes, in a row, were by key. */
export class LoginHostDetector implements Detector<number> {
  readonly kind = 'host';
  readonly rules = RULES;
  readonly thresholds;
  readonly latenessMs = 10 * 60_000;
  readonly latenessEvents = 64;
  readonly rememberedMs = REMEMBERED_LOGIN_MS;
  readonly #config: DetectionConfig;

  constructor(config: DetectionConfig) {
    this.#config = config;
    this.thresholds = [atOnce(config)] as const;
  }

  newMemory(): number {
    return 0;
  }

  copyMemory(keys: number): number {
    return keys;
  }

  mayOpen({ method }: RuleEvent, buffer: readonly number[], base: BaseState<number> | null): boolean {
    if (method !== BY_PASSWORD) return false;
    return base !== null || buffer.length > this.#config.rules['password-on-key-host'].count * EVENT_FIELDS;
  }

  observe(state: DetectorState<number>, event: RuleEvent): void {
    const { on, count } = this.#config.rules['password-on-key-host'];
    if (event.method === BY_PASSWORD) {
      if (on && state.memory >= count) observe(state.windows[0] as ThresholdWindow, event, this.thresholds[0]);
      state.memory = 0;
    } else state.memory = event.method === BY_KEY ? Math.min(count, state.memory + 1) : 0;
  }
}
