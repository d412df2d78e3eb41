/** Makes a server one of several: joins its store to the shared log, follows that, and shares files, presence and the delivery of notifications. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from '../service/logger.ts';
import { SettingsError } from '../service/settings.ts';
import type { AlertThread } from './alerting/alert-thread.ts';
import { firstDecision } from './alerting/prepare.ts';
import type { Alerting } from './alerts.ts';
import type { IdentityAdmission } from './ingest/admission.ts';
import type { GroupCommit } from './ingest/group-commit.ts';
import type { JoinCodes } from './ingest/join-codes.ts';
import { isCertificateName, type JoinedHost, type JoinedHosts } from './ingest/joined-hosts.ts';
import { type Joined, letIn } from './ingest/joining.ts';
import type { Listener } from './ingest/listener.ts';
import { Peers } from './peers.ts';
import { openSharedLog, reasonOf } from './shared-log/join.ts';
import { FILE_DECISION, SharedFiles } from './shared-log/shared-files.ts';
import { CODE_DECISION, JOIN_DECISION, JOINED_DECISION, SharedJoins } from './shared-log/shared-joins.ts';
import type { SharedLog } from './shared-log/shared-log.ts';
import { shareSecrets } from './shared-secrets.ts';
import type { Storage } from './storage.ts';
import type { Forgotten } from './store/agents.ts';
import { type Decision, decisionsOf, FORGET_DECISION, newestDecision } from './store/decisions.ts';
import { StoreError } from './store/store.ts';

/** Interval between two tries to read the shared log at the start. */
const RETRY_MS = 2_000;
/** The decisions about hosts that join, and the one up to which they are taken over. */
const JOIN_KINDS = [CODE_DECISION, JOIN_DECISION, JOINED_DECISION] as const;
const JOINS_POSITION = 'joinsPosition';

/** The store, and the log that it becomes a copy of. */
export interface SharingOptions {
  readonly store: Storage;
  readonly url: string;
  /** The data folder. */
  readonly folder: string;
  readonly retentionMs: number | null;
  readonly log: Logger;
}

/** The parts of the server that hear of other servers. */
export interface SharingParts {
  readonly ingest: Pick<GroupCommit, 'applied'>;
  readonly admission: Pick<IdentityAdmission, 'learn' | 'forget'>;
  readonly codes: JoinCodes;
  readonly hosts: JoinedHosts;
  readonly listener: Pick<Listener, 'connectedAgents' | 'forget'>;
  readonly alerts: Pick<AlertThread, 'deliver'> & Pick<Alerting, 'decided'>;
}

/**
 * Joins a store to the log at a URL, and brings it up to date; waits while PostgreSQL cannot be reached. Rejects with a
 * SettingsError, and the store is closed, where waiting does not help.
 */
export async function shareStore(options: SharingOptions): Promise<Sharing> {
  const { store, url, log } = options;
  const server = `${hostname()}-${randomUUID()}`;
  try {
    for (;;) {
      const shared = await openSharedLog(url, options.folder, log);
      try {
        const reading = new Reading(log);
        await join(store, shared, server, reading, log);
        await shareSecrets({ folder: options.folder, url, shared, log });
        return new Sharing(options, shared, server, reading);
      } catch (error) {
        if (!(error instanceof StoreError))
          throw new SettingsError([`ALPHASERVER_STORE cannot be used with this ALPHASERVER_DATA: ${reasonOf(error)}`]);
        await shared.close();
        log.warn(`The shared log cannot be read, tried again: ${reasonOf(error)}`);
        await new Promise((later) => setTimeout(later, RETRY_MS));
      }
    }
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function join(store: Storage, shared: SharedLog, server: string, reading: Reading, log: Logger): Promise<void> {
  await store.join({
    log: shared,
    server,
    progress: (position, newest) => log.debug(`Read ${position} of ${newest} appends of the shared log`),
    fault: (error) => reading.hear(error),
  });
  const first = firstDecision(store.db, Date.now());
  if (first !== null) await store.decide([first], Date.now());
}

/** Knows and says why the shared log cannot be read. */
class Reading {
  readonly #log: Logger;
  fault: string | null = null;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Hears of a fault; null where there is none any more. */
  hear(error: unknown): void {
    this.fault = error === null ? null : `The shared log cannot be read, tried again: ${reasonOf(error)}`;
    if (this.fault === null) this.#log.info('The shared log can be read again');
    else this.#log.error(this.fault);
  }
}

/** One of several servers, once its store is up to date. */
export class Sharing {
  readonly #options: SharingOptions;
  readonly #shared: SharedLog;
  readonly #server: string;
  readonly #reading: Reading;
  #files: SharedFiles | null = null;
  #joins: SharedJoins | null = null;
  #peers: Peers | null = null;
  #leads: boolean | null = null;

  constructor(options: SharingOptions, shared: SharedLog, server: string, reading: Reading) {
    this.#options = options;
    this.#shared = shared;
    this.#server = server;
    this.#reading = reading;
  }

  /** Why the shared log cannot be read at the moment, or null. */
  get fault(): string | null {
    return this.#reading.fault;
  }

  /** True while this server is the one that delivers notifications and reports; null while it is not known which one does. */
  get leads(): boolean | null {
    return this.#leads;
  }

  /** True when an agent is connected to another server. */
  isConnected(agent: string): boolean {
    return this.#peers?.isConnected(agent) ?? false;
  }

  /** Applies from now on what other servers append, and lets them know of this one. */
  start({ ingest, admission, codes, hosts, listener, alerts }: SharingParts): void {
    const { store, folder, retentionMs, log } = this.#options;
    store.follow(({ appended, batches, isOwn, decisions }) => {
      ingest.applied(appended, isOwn);
      for (const { agent, host, binding } of batches) if (binding) admission.learn(agent, host, binding);
      for (const { kind, body } of decisions) {
        if (kind !== FORGET_DECISION) continue;
        const { agents, hosts } = body as Forgotten;
        admission.forget(agents, hosts);
        listener.forget(agents);
      }
      if (decisions.length === 0) return;
      void alerts.decided(decisions);
      this.#files?.decided();
      this.#takeJoins();
    });
    this.#joins = new SharedJoins({
      codes,
      hosts,
      apply: (decision) => applyJoin(codes, hosts, decision),
      decide: (decisions) => store.decide(decisions, Date.now()),
      after: (id, limit) => decisionsOf(store.db, JOIN_KINDS, id, limit),
      position: () => store.events.fact(JOINS_POSITION),
      moved: (id) => store.transaction(() => store.events.setFact(JOINS_POSITION, id)),
      failed: (error) => log.warn(`Codes of enroll are not the same on all servers yet: ${reasonOf(error)}`),
    });
    this.#files = new SharedFiles({
      folder,
      decide: (decisions) => store.decide(decisions, Date.now()),
      agreed: (file) => store.events.fact(`file ${file}`),
      agree: (file, digest) => store.transaction(() => store.events.setFact(`file ${file}`, digest)),
      decided: (file) => contentOf(newestDecision(store.db, FILE_DECISION, file)?.body),
      failed: (file, error) => log.warn(`${file} is not the same on all servers yet: ${reasonOf(error)}`),
    });
    this.#peers = new Peers({
      log: this.#shared,
      server: this.#server,
      events: store.events,
      connected: () => listener.connectedAgents(),
      heard: (presences) => store.heard(presences),
      leads: (leads) => {
        this.#leads = leads;
        alerts.deliver(leads === true);
      },
      retentionMs,
      keepsOldDays: (error) => {
        if (error === null) log.info('Old days are deleted from the shared log again');
        else
          log.warn(
            `Days older than ALPHASERVER_RETENTION stay in the shared log, tried again every 10 minutes: ${reasonOf(error)}`,
          );
      },
      failed: (what, error) => log.debug(`${what}, tried again: ${reasonOf(error)}`),
      now: Date.now,
    });
  }

  /** Uses a code with which a host joins, on all servers. Rejects when the log does not take it. */
  async claim(code: string, joined: Joined): Promise<void> {
    if (this.#joins === null) throw new Error('the server is starting');
    await this.#joins.join(code, joined);
  }

  #takeJoins(): void {
    try {
      this.#joins?.decided();
    } catch (error) {
      this.#options.log.warn(`A host that joined at another server is not known here yet: ${reasonOf(error)}`);
    }
  }

  async close(): Promise<void> {
    await this.#joins?.close();
    await this.#files?.close();
    await this.#peers?.close();
  }
}

/** Takes over a code, a use of one, or a host that joined. */
function applyJoin(codes: JoinCodes, hosts: JoinedHosts, { kind, subject, body }: Decision): void {
  if (kind === CODE_DECISION) codes.add(subject, body);
  else if (kind === JOIN_DECISION) letIn(codes, hosts, subject, body as Joined);
  else if (isCertificateName(subject) && hosts.content(subject) === null) {
    const { hosts: patterns, joinedMs } = body as JoinedHost;
    hosts.joined(subject, patterns, joinedMs);
  }
}

const contentOf = (body: object | undefined): string | null =>
  (body as { content?: string } | undefined)?.content ?? null;
