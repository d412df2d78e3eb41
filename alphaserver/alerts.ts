/** Alerts of a running server: the alert thread, and what the API and the stream show of it. */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from '../service/logger.ts';
import { RulesError } from './alert-config/rules-file.ts';
import type { AlertSettings } from './alert-config/settings.ts';
import { AlertThread } from './alerting/alert-thread.ts';
import { prepareAlerts } from './alerting/prepare.ts';
import {
  type Decided,
  decidedOf,
  holding,
  isSameStanding,
  STANDING_LIMIT,
  type StandingKind,
  standingDecision,
  UNDONE,
  undoing,
} from './alerting/standing.ts';
import type { GroupCommit } from './ingest/group-commit.ts';
import type { AlertQueries } from './queries/alert-results.ts';
import { alertOf, StoreAlerts } from './queries/alert-views.ts';
import type { DecisionQueries } from './queries/decision-results.ts';
import { decidedWith, standing, standingCount } from './queries/decisions.ts';
import type { Storage } from './storage.ts';
import { decisionsOf, lastDecision, type NewDecision } from './store/decisions.ts';
import type { Live } from './web/live.ts';
import type { BlocklistOf } from './web/routes/blocklist.ts';
import type { ChannelsOf } from './web/routes/channels.ts';

/** How soon the end of what was decided, and what another server decided, reaches the rules. */
const REFRESH_MS = 10_000;
/** The kinds of decisions that the rules go by, and with the one that undoes others those that change what the rules go by. */
const RULE_KINDS = ['allowed', 'silenced'] as const;
const RULE_CHANGES = [...RULE_KINDS, UNDONE];
/** The kind of decision that somebody acknowledged an incident. */
const ACKNOWLEDGED = 'acknowledged';

/** The parts of the server that alerts need. `folder` is the data folder. */
export interface AlertingOptions {
  readonly folder: string;
  readonly store: Storage;
  readonly ingest: Pick<GroupCommit, 'onCommit'>;
  readonly live: Pick<Live, 'alert'>;
  readonly settings: AlertSettings;
  /** False where one of several servers delivers notifications, and it is not known yet which. */
  readonly delivers: boolean;
  /** Files that say where sources are, as ALPHASERVER_GEOIP names them. */
  readonly geoipFiles?: string | null;
  readonly log: Logger;
  readonly now: () => number;
}

/** Starts with the construction. Throws an Error with one sentence when alerts.db cannot be used. */
export class Alerting {
  readonly #options: AlertingOptions;
  readonly thread: AlertThread;
  /** The settings as the rules file has them. */
  #settings: AlertSettings;
  /** Those that the rules have. */
  #configured: AlertSettings;
  /** True while the decisions cannot be read. */
  #isUnreadable = false;
  /** The allowances and silences that held at `readMs`, and the decision up to which nothing has changed them. */
  #known: { readonly last: number; readonly readMs: number; readonly decided: readonly Decided[] } | null = null;
  /** The decisions of each kind that are being stored, which count as those that hold. */
  readonly #deciding: Record<StandingKind, number> = { blocked: 0, allowed: 0, silenced: 0 };
  readonly #timer: NodeJS.Timeout;
  /** The answers of the API. */
  readonly view: AlertQueries;

  constructor(options: AlertingOptions) {
    this.#options = options;
    const { folder, store, ingest, live, settings, delivers, geoipFiles = null, log, now } = options;
    const { db, events, queries } = store;
    // A store of the version before has its alerts in the tables of the events, and the query thread may not read those.
    prepareAlerts({ folder, db, lastId: events.lastId, nowMs: now() });
    this.#settings = settings;
    this.#configured = settings;
    this.thread = new AlertThread({
      folder,
      settings: this.#effective(),
      delivers,
      geoipFiles,
      append: (decisions) => store.decide(decisions, now()),
      written: (incidents) => {
        queries.changed();
        for (const incident of incidents) live.alert(alertOf(incident));
      },
      log,
      now,
    });
    // What the rules have to take again after a crash must still be there.
    store.hold(() => this.thread.progress.checkpoint);
    this.view = new StoreAlerts({
      thread: queries,
      acknowledge: async (id, by) => {
        await this.thread.acknowledge(id, by);
        await this.#announce(id);
      },
      now,
    });
    ingest.onCommit(() => this.thread.stored());
    this.#timer = setInterval(() => this.#refresh(), REFRESH_MS).unref();
  }

  /** Shows and takes what people decide. */
  readonly decisions: DecisionQueries = {
    list: (limit, before, holding) => {
      const { store, now } = this.#options;
      return store.queries.run('decisions', limit, before, Math.floor(now() / 1_000) * 1_000, holding);
    },
    decide: async (standing, by) => {
      const { db } = this.#options.store;
      const { kind } = standing;
      const held = standingCount(db, kind, this.#options.now());
      if (held + this.#deciding[kind] >= STANDING_LIMIT) return 'full';
      const before = lastDecision(db);
      this.#deciding[kind] += 1;
      try {
        await this.#decide(standingDecision(standing, by));
      } finally {
        this.#deciding[kind] -= 1;
      }
      // Not the newest: another person may have decided meanwhile. Two that are alike in all this are one person's, and undone alike.
      const since = decisionsOf(db, [kind], before, STANDING_LIMIT).map((one) => decidedOf({ ...one, kind }, null));
      return since.findLast((one) => one.by === by && isSameStanding(one, standing))?.id ?? null;
    },
    undo: async (id, why, by) => {
      const known = decidedWith(this.#options.store.db, id);
      if (known?.undoneAt !== null) return false;
      await this.#decide(undoing(id, why, by));
      return true;
    },
  };

  /** Applies decisions that another server appended, and tells viewers of the incidents that were acknowledged there. */
  async decided(decisions: readonly NewDecision[]): Promise<void> {
    await this.thread.decided();
    this.#options.store.queries.invalidate();
    this.#refresh();
    for (const { kind, subject } of decisions) if (kind === ACKNOWLEDGED) await this.#announce(subject);
  }

  /** Tells viewers of an incident that was acknowledged: their pages show it without being asked again. */
  async #announce(id: string): Promise<void> {
    const { store, live, log } = this.#options;
    store.queries.invalidate();
    try {
      const found = await store.queries.run('alert', id, 1);
      if (found) live.alert(alertOf(found.stored));
    } catch (error) {
      log.debug(`Pages show an acknowledgement at their next look: ${(error as Error).message}`);
    }
  }

  async #decide(decision: NewDecision): Promise<void> {
    const { store, now } = this.#options;
    await store.decide([decision], now());
    store.queries.invalidate();
    this.#refresh();
  }

  /** Gives the allowances and silences that hold, and reads them only where something changed them: ten thousand of each take 0.1 s. */
  #ruleDecisions(nowMs: number): readonly Decided[] {
    const { db } = this.#options.store;
    const last = lastDecision(db);
    const known = this.#known;
    // Those that a clock ahead had ended hold again once it is set back.
    const isSame = known && known.readMs <= nowMs && decisionsOf(db, RULE_CHANGES, known.last, 1).length === 0;
    this.#known = isSame ? { ...known, last } : { last, readMs: nowMs, decided: standing(db, RULE_KINDS, nowMs) };
    return this.#known.decided;
  }

  /** The rules as they are with what people decided: addresses allowed by hand, and silences. */
  #effective(): AlertSettings {
    const nowMs = this.#options.now();
    const { allows, silences } = holding(this.#ruleDecisions(nowMs), nowMs);
    const { allow } = this.#settings;
    return { ...this.#settings, allow: { ...allow, addresses: [...allow.addresses, ...allows] }, silences };
  }

  /**
   * Gives the rules what holds now, where it is another than before: somebody decided, a time has come, or the settings are new.
   * What held before goes on where the decisions cannot be read, until the next look.
   */
  #refresh(): void {
    try {
      const settings = this.#effective();
      const { allow, silences } = this.thread.settings;
      this.#isUnreadable = false;
      const isSame = isDeepStrictEqual([allow, silences], [settings.allow, settings.silences]);
      if (isSame && this.#configured === this.#settings) return;
      this.thread.configure(settings);
      this.#configured = this.#settings;
    } catch (error) {
      if (!this.#isUnreadable)
        this.#options.log.warn(`Decisions cannot be read, those known hold: ${(error as Error).message}`);
      this.#isUnreadable = true;
    }
  }

  /** Lists the addresses for firewalls, by the settings of this moment. */
  blocklist: BlocklistOf = (withPrivate, format) => {
    const { store, now } = this.#options;
    const { allow, blocklistRules, blocksForgeable, detection } = this.thread.settings;
    const settings = { allow, blocklistRules, blocksForgeable, detection };
    // To the second, so that those who ask at once share a result.
    const nowMs = Math.floor(now() / 1_000) * 1_000;
    return store.queries.run('blocklist', { settings, withPrivate, format, nowMs });
  };

  /** Gives the state of each channel. */
  channels: ChannelsOf = () => this.thread.channels;

  /** Takes the settings that `read` gives; with a mistake in them those in force stay, and the log says where it is. */
  reload(read: () => AlertSettings): void {
    const { log } = this.#options;
    try {
      this.#settings = read();
    } catch (error) {
      if (!(error instanceof RulesError)) throw error;
      log.error(`Alert rules stay as they were: ${error.message}`);
      return;
    }
    this.#refresh();
    if (this.#isUnreadable) log.warn('Alert rules were read again, and hold once the decisions can be read');
    else log.info('Alert rules read again');
  }

  close(): Promise<void> {
    clearInterval(this.#timer);
    return this.thread.close();
  }
}
