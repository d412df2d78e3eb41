/** Alerts of a running server: the alert thread, and what the API and the stream show of it. */
import type { Logger } from '../service/logger.ts';
import { RulesError } from './alert-config/rules-file.ts';
import type { AlertSettings } from './alert-config/settings.ts';
import { AlertThread } from './alerting/alert-thread.ts';
import { prepareAlerts } from './alerting/prepare.ts';
import type { GroupCommit } from './ingest/group-commit.ts';
import type { AlertsView } from './queries/alert-results.ts';
import { alertView, StoreAlerts } from './queries/alert-views.ts';
import type { Storage } from './storage.ts';
import type { Live } from './web/live.ts';
import type { BlocklistOf } from './web/routes/blocklist.ts';
import type { ChannelsOf } from './web/routes/channels.ts';

/** The parts of the server that alerts need. `folder` is the data folder. */
export interface AlertingOptions {
  readonly folder: string;
  readonly store: Storage;
  readonly ingest: Pick<GroupCommit, 'onCommit'>;
  readonly live: Pick<Live, 'alert'>;
  readonly settings: AlertSettings;
  /** False where one of several servers delivers notifications, and it is not known yet which. */
  readonly delivers: boolean;
  readonly log: Logger;
  readonly now: () => number;
}

/** Starts with the construction. Throws an Error with one sentence when alerts.db cannot be used. */
export class Alerting {
  readonly #options: AlertingOptions;
  readonly thread: AlertThread;
  /** The answers of the API. */
  readonly view: AlertsView;

  constructor(options: AlertingOptions) {
    this.#options = options;
    const { folder, store, ingest, live, settings, delivers, log, now } = options;
    const { db, events, queries } = store;
    // A store of the version before has its alerts in the tables of the events, and the query thread may not read those.
    prepareAlerts({ folder, db, lastId: events.lastId, nowMs: now() });
    this.thread = new AlertThread({
      folder,
      settings,
      delivers,
      append: (decisions) => store.decide(decisions, now()),
      written: (incidents) => {
        queries.changed();
        for (const incident of incidents) live.alert(alertView(incident));
      },
      log,
      now,
    });
    // What the rules have to take again after a crash must still be there.
    store.hold(() => this.thread.progress.checkpoint);
    this.view = new StoreAlerts({
      thread: queries,
      acknowledge: (id, by) => this.thread.acknowledge(id, by),
      now,
    });
    ingest.onCommit(() => this.thread.stored());
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
      this.thread.configure(read());
      log.info('Alert rules read again');
    } catch (error) {
      if (!(error instanceof RulesError)) throw error;
      log.error(`Alert rules stay as they were: ${error.message}`);
    }
  }

  close(): Promise<void> {
    return this.thread.close();
  }
}
