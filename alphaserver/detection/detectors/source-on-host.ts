/** Detects brute-force, slow-brute-force and root-password: the keys are pairs of a source and a host. */
import type { DetectionConfig } from '../../alert-config/rules.ts';
import {
  type BaseState,
  type Detector,
  type DetectorState,
  mayCrossWindow,
  REMEMBERED_ATTACK_MS,
} from '../detector.ts';
import { ACCEPTED, BY_PASSWORD, FAILED, type RuleEvent } from '../rule-event.ts';
import { atOnce, countOf, endIfQuiet, observe, reset, type ThresholdWindow } from '../threshold-window.ts';

const RULES = ['brute-force', 'slow-brute-force', 'root-password'] as const;

/** One host's events come in order, so the allowed lateness is short. */
export class SourceOnHostDetector implements Detector<null> {
  readonly kind = 'pair';
  readonly rules = RULES;
  readonly thresholds;
  readonly latenessMs = 10 * 60_000;
  readonly latenessEvents = 64;
  readonly rememberedMs = REMEMBERED_ATTACK_MS;
  readonly #config: DetectionConfig;

  constructor(config: DetectionConfig) {
    this.#config = config;
    this.thresholds = [countOf(config, RULES[0]), countOf(config, RULES[1]), atOnce(config)] as const;
  }

  newMemory(): null {
    return null;
  }

  copyMemory(): null {
    return null;
  }

  mayOpen({ outcome }: RuleEvent, buffer: readonly number[], base: BaseState<null> | null): boolean {
    const [fast, slow] = this.thresholds;
    return outcome === ACCEPTED || mayCrossWindow(0, fast, buffer, base) || mayCrossWindow(1, slow, buffer, base);
  }

  observe({ windows }: DetectorState<null>, event: RuleEvent): void {
    const [fast, slow, root] = windows as [ThresholdWindow, ThresholdWindow, ThresholdWindow];
    const { rules, quietMs } = this.#config;
    if (event.outcome === FAILED) {
      if (rules['brute-force'].on) observe(fast, event, this.thresholds[0]);
      // What is brute force is not slow brute force as well.
      if (fast.open) reset(slow);
      else if (rules['slow-brute-force'].on) observe(slow, event, this.thresholds[1]);
      endIfQuiet(slow, event.place, quietMs);
    } else if (rules['root-password'].on && isRootByPassword(event)) observe(root, event, this.thresholds[2]);
  }
}

/** True for a login of root by password. */
export const isRootByPassword = ({ outcome, isRoot, method }: RuleEvent): boolean =>
  outcome === ACCEPTED && isRoot && method === BY_PASSWORD;
