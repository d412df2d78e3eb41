/** Detects distributed: the keys are user names that are tried. */
import { type BaseState, type DetectorState, mayCrossWindow, REMEMBERED_ATTACK_MS, RuleDetector } from '../detector.ts';
import type { RuleEvent } from '../rule-event.ts';
import { distinctOf, observe, type ThresholdWindow } from '../threshold-window.ts';

/** The bit of its window. */
const SOURCES = 1;

/** Counts the sources that try one user. */
export class TargetUserDetector extends RuleDetector {
  readonly kind = 'target';
  readonly rules = ['distributed'] as const;
  readonly thresholds = [distinctOf(this.config, 'distributed', 'source')] as const;
  readonly latenessMs = 120 * 60_000;
  readonly latenessEvents = 128;
  readonly rememberedMs = REMEMBERED_ATTACK_MS;
  override readonly countedLate = true;

  mayOpen(_event: RuleEvent, buffer: readonly number[], base: BaseState<null> | null): boolean {
    return mayCrossWindow(0, this.thresholds[0], buffer, base);
  }

  countedIn(event: RuleEvent): number {
    return this.config.rules['distributed'].on && event.source > 0 ? SOURCES : 0;
  }

  observe({ windows: [sources] }: DetectorState<null>, event: RuleEvent): void {
    if (this.config.rules['distributed'].on && event.source > 0)
      observe(sources as ThresholdWindow, event, this.thresholds[0]);
  }
}
