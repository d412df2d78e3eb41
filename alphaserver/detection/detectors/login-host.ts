/** Detects password-on-key-host: the keys are hosts that are logged in to. */
import { type BaseState, type DetectorState, REMEMBERED_LOGIN_MS, RuleDetector } from '../detector.ts';
import { BY_KEY, BY_PASSWORD, EVENT_FIELDS, type RuleEvent } from '../rule-event.ts';
import { atOnce, observe, type ThresholdWindow } from '../threshold-window.ts';

/** Remembers how many of the last successes, in a row, were by key. */
export class LoginHostDetector extends RuleDetector<number> {
  readonly kind = 'host';
  readonly rules = ['password-on-key-host'] as const;
  readonly thresholds = [atOnce(this.config)] as const;
  readonly latenessMs = 10 * 60_000;
  readonly latenessEvents = 64;
  readonly rememberedMs = REMEMBERED_LOGIN_MS;

  override newMemory(): number {
    return 0;
  }

  mayOpen({ method }: RuleEvent, buffer: readonly number[], base: BaseState<number> | null): boolean {
    if (method !== BY_PASSWORD) return false;
    return base !== null || buffer.length > this.config.rules['password-on-key-host'].count * EVENT_FIELDS;
  }

  observe(state: DetectorState<number>, event: RuleEvent): void {
    const { on, count } = this.config.rules['password-on-key-host'];
    if (event.method === BY_PASSWORD) {
      if (on && state.memory >= count) observe(state.windows[0] as ThresholdWindow, event, this.thresholds[0]);
      state.memory = 0;
    } else state.memory = event.method === BY_KEY ? Math.min(count, state.memory + 1) : 0;
  }
}
