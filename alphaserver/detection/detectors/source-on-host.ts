/** Detects brute-force, slow-brute-force, root-password, decoy and sshd-crash: the keys are pairs of a source and a host. */
import { type BaseState, type DetectorState, mayCrossWindow, REMEMBERED_ATTACK_MS, RuleDetector } from '../detector.ts';
import { ACCEPTED, BY_PASSWORD, isTry, type RuleEvent } from '../rule-event.ts';
import { atOnce, countOf, endIfQuiet, observe, reset, type ThresholdWindow } from '../threshold-window.ts';

/** Bits of windows. */
const FAST = 1;
const SLOW = 2;

/** One host's events come in order, so the allowed lateness is short. */
export class SourceOnHostDetector extends RuleDetector {
  readonly kind = 'pair';
  readonly rules = ['brute-force', 'slow-brute-force', 'root-password', 'decoy', 'sshd-crash'] as const;
  readonly thresholds = [
    countOf(this.config, 'brute-force'),
    countOf(this.config, 'slow-brute-force'),
    atOnce(this.config),
    atOnce(this.config),
    atOnce(this.config),
  ] as const;
  readonly latenessMs = 10 * 60_000;
  readonly latenessEvents = 64;
  readonly rememberedMs = REMEMBERED_ATTACK_MS;

  mayOpen(event: RuleEvent, buffer: readonly number[], base: BaseState<null> | null): boolean {
    const [fast, slow] = this.thresholds;
    return opensAtOnce(event) || mayCrossWindow(0, fast, buffer, base) || mayCrossWindow(1, slow, buffer, base);
  }

  /** What is brute force already does not become slow brute force. */
  countedIn(event: RuleEvent, open: number): number {
    const { rules } = this.config;
    if (!rules['brute-force'].on || !isTry(event) || opensAtOnce(event)) return 0;
    return open & FAST || !rules['slow-brute-force'].on ? FAST : FAST | SLOW;
  }

  observe({ windows }: DetectorState<null>, event: RuleEvent): void {
    const { rules, quietMs } = this.config;
    if (isTry(event)) {
      const [fast, slow] = windows as [ThresholdWindow, ThresholdWindow];
      if (rules['brute-force'].on) observe(fast, event, this.thresholds[0]);
      // What is brute force is not slow brute force as well.
      if (fast.open) reset(slow);
      else if (rules['slow-brute-force'].on) observe(slow, event, this.thresholds[1]);
      endIfQuiet(slow, event.place, quietMs);
    }
    if (!opensAtOnce(event)) return;
    if (rules['root-password'].on && isRootByPassword(event))
      observe(windows[2] as ThresholdWindow, event, this.thresholds[2]);
    if (rules['decoy'].on && event.isDecoy) observe(windows[3] as ThresholdWindow, event, this.thresholds[3]);
    if (rules['sshd-crash'].on && event.isCrash) observe(windows[4] as ThresholdWindow, event, this.thresholds[4]);
  }
}

/** True for a login of root by password. */
const isRootByPassword = ({ outcome, isRoot, method }: RuleEvent): boolean =>
  outcome === ACCEPTED && isRoot && method === BY_PASSWORD;

/** True for an event that opens an incident by itself. */
export const opensAtOnce = (event: RuleEvent): boolean => event.isDecoy || event.isCrash || isRootByPassword(event);
