/** Alerts of a running server: rules that find, lines that tell, and what is asked of both, under settings that may change. */
import type { Logger } from '../service/logger.ts';
import { RulesError } from './alert-config/rules-file.ts';
import type { AlertSettings } from './alert-config/settings.ts';
import { Alerts } from './alerting/alert-thread.ts';
import { blocked } from './alerting/blocklist.ts';
import type { GroupCommit } from './ingest/group-commit.ts';
import { Notifier } from './notify/notifier.ts';
import { sender } from './notify/send.ts';
import type { AlertsView } from './queries/alert-results.ts';
import { StoreAlerts, streamed } from './queries/alert-views.ts';
import type { Storage } from './storage.ts';
import type { Live } from './web/live.ts';
import type { BlocklistOf } from './web/routes/blocklist.ts';
import type { ChannelsOf } from './web/routes/channels.ts';

/** What alerts stand on. `folder` is the data folder, where the rules keep their memory. */
export interface AlertingOptions {
  readonly folder: string;
  readonly store: Storage;
  readonly ingest: Pick<GroupCommit, 'onCommit'>;
  readonly live: Pick<Live, 'alert'>;
  readonly settings: AlertSettings;
  readonly log: Logger;
  readonly now: () => number;
}

/** Starts with the construction. Throws an Error with one sentence when the alerts' tables are of a newer version. */
export class Alerting {
  readonly #options: AlertingOptions;
  readonly #notifier: Notifier;
  /** The rules. */
  readonly alerts: Alerts;
  /** What the API answers. */
  readonly view: AlertsView;

  constructor(options: AlertingOptions) {
    this.#options = options;
    const { folder, store, ingest, live, settings, log, now } = options;
    this.alerts = new Alerts({ folder, store, settings, log, now });
    this.view = new StoreAlerts({
      thread: store.queries,
      acknowledge: (id, by) => this.alerts.acknowledge(id, by),
      now,
    });
    this.#notifier = new Notifier({
      queues: this.alerts.queue,
      settings,
      senderFor: ({ page }) => sender(page, now),
      log,
      now,
      chance: Math.random,
    });
    ingest.onCommit(() => this.alerts.stored());
    this.alerts.listen((written) => {
      for (const alert of streamed(written)) live.alert(alert);
      this.#notifier.wake();
    });
  }

  /** The addresses for firewalls, by the settings of this moment. */
  blocklist: BlocklistOf = async (withPrivate) => {
    const { store, now } = this.#options;
    const { settings } = this.alerts;
    const incidents = await store.queries.run('openIncidents', settings.blocklistRules);
    return blocked(incidents, { settings, withPrivate, nowMs: now() });
  };

  /** How each channel fares. */
  channels: ChannelsOf = () => this.#notifier.status();

  /** Goes on under what `read` gives; with a mistake in it, under what there was, and the log says where it is. */
  async reload(read: () => AlertSettings): Promise<void> {
    const { log } = this.#options;
    try {
      const settings = read();
      this.alerts.change(settings);
      await this.#notifier.use(settings);
      log.info('Alert rules read again');
    } catch (error) {
      if (!(error instanceof RulesError)) throw error;
      log.error(`Alert rules stay as they were: ${error.message}`);
    }
  }

  async close(): Promise<void> {
    await this.alerts.close();
    await this.#notifier.close();
  }
}
