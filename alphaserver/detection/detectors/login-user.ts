/** Detects first-seen-source: the keys are users that log in. */
import type { DetectionConfig } from '../../alert-config/rules.ts';
import { type BaseState, type DetectorState, REMEMBERED_LOGIN_MS, RuleDetector } from '../detector.ts';
import { EVENT_FIELDS, type RuleEvent } from '../rule-event.ts';
import type { SourceOrigins } from '../source-origin.ts';
import { atOnce, observe, type ThresholdWindow } from '../threshold-window.ts';

/** Sources remembered for one user; the one not used for longest is evicted. */
export const SOURCES_PER_USER = 256;
/** Countries, and as many network operators, remembered for one user; the one found first is evicted. */
export const ORIGINS_PER_USER = 64;

/** The logins of a user so far. */
export interface LoginHistory {
  logins: number;
  firstAt: number;
  /** Numbers of interned texts, the one used last at the end. */
  readonly sources: number[];
  /** Hashes of the countries and network operators it came from, where files say so. */
  readonly countries: number[];
  readonly operators: number[];
}

/** Remembers where each user came from. */
export class LoginUserDetector extends RuleDetector<LoginHistory> {
  readonly kind = 'user';
  readonly rules = ['first-seen-source'] as const;
  readonly thresholds = [atOnce(this.config)] as const;
  readonly latenessMs = 120 * 60_000;
  readonly latenessEvents = 64;
  readonly rememberedMs = REMEMBERED_LOGIN_MS;

  readonly #origins: SourceOrigins;

  constructor(config: DetectionConfig, origins: SourceOrigins) {
    super(config);
    this.#origins = origins;
  }

  override newMemory(): LoginHistory {
    return { logins: 0, firstAt: 0, sources: [], countries: [], operators: [] };
  }

  override copyMemory({ sources, countries, operators, ...memory }: LoginHistory): LoginHistory {
    return { ...memory, sources: sources.slice(), countries: countries.slice(), operators: operators.slice() };
  }

  /** The first login of all opens nothing. */
  mayOpen(_event: RuleEvent, buffer: readonly number[], base: BaseState<LoginHistory> | null): boolean {
    return base !== null || buffer.length > EVENT_FIELDS;
  }

  observe({ windows: [window], memory }: DetectorState<LoginHistory>, event: RuleEvent): void {
    const isNew = this.#isNew(memory, event);
    const { country, operator } = this.#origins.of(event.ip);
    const isFirstCountry = isFirst(memory.countries, country);
    const isFirstOperator = isFirst(memory.operators, operator);
    if (!isNew || !this.config.rules['first-seen-source'].on) return;
    const { open } = observe(window as ThresholdWindow, event, this.thresholds[0]);
    if (!open) return;
    open.isFirstCountry ||= isFirstCountry;
    open.isFirstOperator ||= isFirstOperator;
  }

  /** True when a user with a history comes from a source for the first time. Remembers the login. */
  #isNew(memory: LoginHistory, { place, source }: RuleEvent): boolean {
    const { count, windowMs } = this.config.rules['first-seen-source'];
    const { logins, firstAt, sources } = memory;
    const hasHistory = logins >= count || (logins > 0 && place - firstAt >= windowMs);
    const known = sources.lastIndexOf(source);
    if (known < 0) {
      sources.push(source);
      if (sources.length > SOURCES_PER_USER) sources.shift();
    } else if (known < sources.length - 1) {
      sources.splice(known, 1);
      sources.push(source);
    }
    if (logins === 0) memory.firstAt = place;
    memory.logins += 1;
    return hasHistory && known < 0;
  }

  mapTexts(memory: LoginHistory, textOf: (text: number) => number): LoginHistory {
    return { ...memory, sources: memory.sources.map(textOf) };
  }
}

/** True for another origin than those remembered, where any are. Remembers it. */
function isFirst(remembered: number[], origin: number): boolean {
  if (origin === 0 || remembered.includes(origin)) return false;
  remembered.push(origin);
  if (remembered.length > ORIGINS_PER_USER) remembered.shift();
  return remembered.length > 1;
}
