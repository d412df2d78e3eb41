/** Sends a report by the channels when one is due, also when nothing happened: so silence is known to be quiet. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../../service/files.ts';
import type { Logger } from '../../service/logger.ts';
import type { Channel } from '../alert-config/rules-schema.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import type { Message, ReportContent } from '../notify/message.ts';
import { retryDelayMs } from '../notify/retry-schedule.ts';
import type { Send } from '../notify/send.ts';
import type { AlertQueries } from '../queries/alert-results.ts';
import type { Views } from '../queries/results.ts';
import type { Database } from '../store/database.ts';
import { decisionsAbout, type NewDecision } from '../store/decisions.ts';
import { reportOf } from './report.ts';
import { failedReportContent, reportContent } from './report-message.ts';
import { lastDueMs, previousDueMs, type ReportSchedule } from './schedule.ts';

/** The time between two looks at the clock: a report is at most so late. */
export const TICK_MS = 20_000;
/** A report that could not be sent for so long, or was due so long before a start, is left out. */
export const LATE_LIMIT_MS = 12 * 3_600_000;
/** A report that was due further ahead than this was due by a clock that has been set back. A small step back sends none twice. */
export const AHEAD_LIMIT_MS = 3_600_000;
/**
 * A report is left to another server once that leads at so many ticks in a row, 60 s: a server that leads sends within a tick, and a lock whose
 * server has died is another's within 12 s. A time in place of ticks would be over at once where the clock jumps.
 */
export const OTHER_LEADS_TICKS = 4;
/** The file in the data folder that says which report was the last one, and which channels have still to get it. */
export const REPORTS_FILE = 'reports.json';
const FILE_VERSION = 1;
/** The kind of a decision that a report was delivered; its subject is when that was due, its body names the channel. */
const REPORTED_DECISION = 'reported';

/** The sources and the receivers of the reports. */
export interface ScheduledReportsOptions {
  readonly schedule: ReportSchedule;
  readonly folder: string;
  readonly views: Views;
  readonly alerts: Pick<AlertQueries, 'state'>;
  /** The settings in force. */
  readonly settings: () => AlertSettings;
  readonly senderFor: (settings: AlertSettings) => Send;
  /** False where another server of several leads, and so sends; null where it is not known which one leads. */
  readonly mayDeliver: () => boolean | null;
  /** The log of decisions, which all servers of a shared log have: who leads next sends nothing that another one has delivered. */
  readonly store: {
    readonly db: Database;
    decide(decisions: readonly NewDecision[], nowMs: number): Promise<void>;
  };
  readonly log: Logger;
  readonly now: () => number;
}

/** The content of the file. */
interface Saved {
  readonly version: typeof FILE_VERSION;
  /** The time at which the last report was due, Unix milliseconds. */
  readonly dueMs: number;
  /** Names of channels that have not got it yet. */
  readonly pending: readonly string[];
}

/** The body of the decision that a report was delivered. */
interface Reported {
  readonly channel: string;
}

/** Returns whether a channel gets reports: unless it says so itself, those do that are notified of everything. */
export const getsReports = (channel: Channel): boolean =>
  channel.type !== 'pagerduty' &&
  channel.type !== 'alertmanager' &&
  (channel.report ?? (channel.severity ?? 'notice') === 'notice');

/** Runs from the construction until `close`. */
export class ScheduledReports {
  readonly #options: ScheduledReportsOptions;
  readonly #ending = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #saved: Saved;
  /** False until the file holds what is in `#saved`. */
  #isSaved: boolean;
  #busy: Promise<void> | null = null;
  #failures = 0;
  #nextTryMs = 0;
  /** The ticks in a row at which another server led while a report was due. */
  #otherLed = 0;
  /** True while a report is due and it is not known which server sends it. */
  #isUnclaimed = false;

  constructor(options: ScheduledReportsOptions) {
    this.#options = options;
    const { schedule, folder, settings, log, now } = options;
    // A server that begins with reports does not send the one that was due before.
    const saved = savedIn(folder);
    this.#isSaved = saved !== null;
    this.#saved = saved ?? { version: FILE_VERSION, dueMs: lastDueMs(schedule, now()), pending: [] };
    if (!Object.values(settings().channels).some(getsReports))
      log.warn('ALPHASERVER_REPORT is set, and no channel gets reports: docs/notifications.md says which do');
    this.#timer = setInterval(() => this.tick(), TICK_MS);
    this.tick();
  }

  /** Looks at the clock, and sends what is due. */
  tick(): void {
    if (this.#busy || this.#ending.signal.aborted) return;
    this.#busy = this.#step()
      .catch((error: Error) => this.#options.log.warn(`A report waits: ${error.message}`))
      .finally(() => {
        this.#busy = null;
      });
  }

  async close(): Promise<void> {
    this.#ending.abort();
    clearInterval(this.#timer);
    await this.#busy;
  }

  async #step(): Promise<void> {
    const { schedule, settings, mayDeliver, log, now } = this.#options;
    const nowMs = now();
    const leads = mayDeliver();
    if (!this.#isSaved) this.#save(this.#saved);
    const dueMs = lastDueMs(schedule, nowMs);
    if (this.#saved.dueMs > nowMs + AHEAD_LIMIT_MS) {
      if (this.#saved.pending.length > 0) this.#giveUp(log);
      // The report that was due last may have been sent before the clock was wrong.
      this.#save({ dueMs, pending: [] });
    }
    if (dueMs > this.#saved.dueMs) {
      const isLate = nowMs - dueMs > LATE_LIMIT_MS;
      this.#otherLed = leads === false ? this.#otherLed + 1 : 0;
      const isKnown = leads === true || this.#otherLed >= OTHER_LEADS_TICKS;
      // Whichever server leads next sends it, and that may be this one.
      if (!isKnown && !isLate) {
        this.#isUnclaimed = true;
        return;
      }
      if (this.#saved.pending.length > 0) this.#giveUp(log);
      if (!isKnown && this.#isUnclaimed)
        log.error(`The report of ${iso(dueMs)} was not sent: it was not known which server sends it`);
      const channels = Object.entries(settings().channels).filter(([, channel]) => getsReports(channel));
      this.#save({ dueMs, pending: isLate || !leads ? [] : channels.map(([name]) => name) });
      this.#failures = 0;
      this.#nextTryMs = 0;
      this.#otherLed = 0;
      this.#isUnclaimed = false;
    }
    if (this.#saved.pending.length === 0 || !leads) return;
    if (nowMs - this.#saved.dueMs > LATE_LIMIT_MS) {
      this.#giveUp(log);
      this.#save({ dueMs: this.#saved.dueMs, pending: [] });
    } else if (nowMs >= this.#nextTryMs) await this.#send();
  }

  #giveUp(log: Logger): void {
    log.error(`The report of ${iso(this.#saved.dueMs)} was not delivered to ${this.#saved.pending.join(', ')}`);
  }

  async #send(): Promise<void> {
    const { settings: current, senderFor, log, now } = this.#options;
    const settings = current();
    const send = senderFor(settings);
    const report = await this.#content();
    const delivered = this.#delivered();
    for (const name of this.#saved.pending) {
      const channel = settings.channels[name];
      // One that was removed meanwhile gets nothing any more.
      const delivery =
        channel && !delivered.has(name) ? await send(channel, this.#message(name, report), this.#ending.signal) : null;
      if (this.#ending.signal.aborted) return;
      if (delivery === null || delivery.ok) {
        this.#save({ ...this.#saved, pending: this.#saved.pending.filter((one) => one !== name) });
        if (delivery !== null) this.#record(name);
      } else if (this.#failures === 0)
        log.warn(`Channel ${name}: ${delivery.fault}; the report is retried until it is delivered`);
    }
    if (this.#saved.pending.length === 0) return;
    this.#failures += 1;
    this.#nextTryMs = now() + retryDelayMs(this.#failures, null, 1);
  }

  /** Gives the channels that this server or another one has delivered the report to. */
  #delivered(): ReadonlySet<string> {
    try {
      const reported = decisionsAbout(this.#options.store.db, REPORTED_DECISION, iso(this.#saved.dueMs));
      return new Set(reported.map(({ body }) => (body as Reported).channel));
    } catch {
      // The report itself says that the store cannot be read: better twice than not at all.
      return new Set();
    }
  }

  /** Records a delivery. Nobody waits for it: a shared log that does not answer keeps no other channel's report back, and no close. */
  #record(channel: string): void {
    const { store, log, now } = this.#options;
    const body: Reported = { channel };
    store
      .decide([{ kind: REPORTED_DECISION, subject: iso(this.#saved.dueMs), by: null, body }], now())
      .catch((error: Error) =>
        log.warn(
          `Channel ${channel}: that it got the report could not be recorded, another server may send it again: ${error.message}`,
        ),
      );
  }

  #message(name: string, report: ReportContent): Message {
    const { dueMs } = this.#saved;
    // The same for each try, so that a receiver can drop the second of two.
    const id = `report-${iso(dueMs).replaceAll(/\D/g, '')}-${name.replaceAll(/[^\w-]/g, '_')}`;
    return { id, madeAt: dueMs, notifications: [], count: 0, test: false, report };
  }

  async #content(): Promise<ReportContent> {
    const { schedule, views, alerts, now } = this.#options;
    const untilMs = this.#saved.dueMs;
    const sinceMs = previousDueMs(schedule, untilMs);
    const every = schedule.weekday === null ? 'daily' : 'weekly';
    try {
      return reportContent(await reportOf({ views, alerts, sinceMs, untilMs, nowMs: now() }), every);
    } catch (error) {
      return failedReportContent(every, iso(sinceMs), iso(untilMs), (error as Error).message);
    }
  }

  #save(saved: Omit<Saved, 'version'>): void {
    this.#saved = { ...saved, version: FILE_VERSION };
    this.#isSaved = false;
    replaceFile(join(this.#options.folder, REPORTS_FILE), `${JSON.stringify(this.#saved)}\n`);
    this.#isSaved = true;
  }
}

const iso = (ms: number): string => new Date(ms).toISOString();

function savedIn(folder: string): Saved | null {
  try {
    const saved = JSON.parse(readFileSync(join(folder, REPORTS_FILE), 'utf8')) as Saved;
    return saved.version === FILE_VERSION ? saved : null;
  } catch {
    // None, or one that cannot be read: as on the first start.
    return null;
  }
}
