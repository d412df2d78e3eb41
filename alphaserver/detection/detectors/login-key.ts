/** Detects dormant-key: the keys are fingerprints on hosts that they log in to. */
import { type BaseState, type DetectorState, REMEMBERED_KEY_MS, RuleDetector } from '../detector.ts';
import { EVENT_FIELDS, packedAt, type RuleEvent } from '../rule-event.ts';
import { atOnce, observe, type ThresholdWindow } from '../threshold-window.ts';

/** Remembers when a key was last used on a host, Unix milliseconds; 0 where it never was. */
export class LoginKeyDetector extends RuleDetector<number> {
  readonly kind = 'key';
  readonly rules = ['dormant-key'] as const;
  readonly thresholds = [atOnce(this.config)] as const;
  readonly latenessMs = 10 * 60_000;
  readonly latenessEvents = 64;
  /** The time of the last login is all that the rule needs, and a fleet has many of these states. */
  override readonly leastBuffered = 2;
  readonly rememberedMs = REMEMBERED_KEY_MS;

  override newMemory(): number {
    return 0;
  }

  mayOpen({ at }: RuleEvent, buffer: readonly number[], base: BaseState<number> | null): boolean {
    const before = buffer.length - 2 * EVENT_FIELDS;
    const lastMs = before >= 0 ? packedAt(buffer, before) : (base?.state.memory ?? 0);
    return lastMs > 0 && at - lastMs >= this.config.rules['dormant-key'].windowMs;
  }

  observe(state: DetectorState<number>, event: RuleEvent): void {
    const { on, windowMs } = this.config.rules['dormant-key'];
    const lastMs = state.memory;
    state.memory = Math.max(lastMs, event.place);
    const unusedMs = event.place - lastMs;
    if (!on || lastMs === 0 || unusedMs < windowMs) return;
    const { open } = observe(state.windows[0] as ThresholdWindow, event, this.thresholds[0]);
    if (open) open.unusedMs = unusedMs;
  }
}
