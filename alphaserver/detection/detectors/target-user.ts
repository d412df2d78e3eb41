/** Detects distributed: the keys are user names that are tried. */
import type { DetectionConfig } from '../../alert-config/rules.ts';
import {
  type BaseState,
  type Detector,
  type DetectorState,
  mayCrossWindow,
  REMEMBERED_ATTACK_MS,
} from '../detector.ts';
import type { RuleEvent } from '../rule-event.ts';
import { distinctOf, observe, type ThresholdWindow } from '../threshold-window.ts';

const RULES = ['distributed'] as const;

/** Counts the sources that try one user. */
export class TargetUserDetector implements Detector<null> {
  readonly kind = 'target';
  readonly rules = RULES;
  readonly thresholds;
  readonly latenessMs = 120 * 60_000;
  readonly latenessEvents = 128;
  readonly rememberedMs = REMEMBERED_ATTACK_MS;
  readonly #config: DetectionConfig;

  constructor(config: DetectionConfig) {
    this.#config = config;
    this.thresholds = [distinctOf(config, RULES[0], 'source')] as const;
  }

  newMemory(): null {
    return null;
  }

  copyMemory(): null {
    return null;
  }

  mayOpen(_event: RuleEvent, buffer: readonly number[], base: BaseState<null> | null): boolean {
    return mayCrossWindow(0, this.thresholds[0], buffer, base);
  }

  observe({ windows: [sources] }: DetectorState<null>, event: RuleEvent): void {
    if (this.#config.rules['distributed'].on && event.source > 0)
      observe(sources as ThresholdWindow, event, this.thresholds[0]);
  }
}
