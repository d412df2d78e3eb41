/** `alphaserver run`: the parts of a server put together, until a signal stops it. */

import { hostname } from 'node:os';
import type { Logger } from '../service/logger.ts';
import { Mailbox } from '../service/mailbox.ts';
import { stopYielding } from '../service/priority.ts';
import { SettingsError } from '../service/settings.ts';
import { type Address, hostAndPort } from '../service/value-parser.ts';
import { type AlertSettings, DEFAULT_SETTINGS } from './alert-config/settings.ts';
import { Alerting } from './alerts.ts';
import type { ServerConfig, SettingName } from './config.ts';
import { IdentityAdmission } from './ingest/admission.ts';
import { findAuthority, keepServerCertificate, ownAuthorities } from './ingest/authority.ts';
import { FleetBounds } from './ingest/fleet-bounds.ts';
import { answerForget } from './ingest/forget.ts';
import { GroupCommit } from './ingest/group-commit.ts';
import { JoinCodes } from './ingest/join-codes.ts';
import { JoinedHosts } from './ingest/joined-hosts.ts';
import { Joining, letIn } from './ingest/joining.ts';
import { Listener } from './ingest/listener.ts';
import { SCRIPT_TOKENS, Tokens } from './ingest/tokens.ts';
import { figuresOf } from './metrics/collect.ts';
import type { CertificateEnd } from './metrics/samples.ts';
import type { ScheduledReports, ScheduledReportsOptions } from './report/scheduled-reports.ts';
import { type Sharing, shareStore } from './sharing.ts';
import { openStorage, type Storage } from './storage.ts';
import { checkStore } from './store-check.ts';
import { EndedSessions } from './web/ended-sessions.ts';
import { Live } from './web/live.ts';
import { Metrics } from './web/metrics.ts';
import { startWeb, type Web } from './web/server.ts';
import { sessionSecret } from './web/session-secret.ts';
import { Users } from './web/users.ts';

/** Commits that a shared log may have at once: it waits for the disks of one while the next is encoded, or this server's copy is written. */
const COMMITS_OF_SHARED_LOG = 2;

/** A running server. */
export interface Serving {
  /** Address at which agents connect. */
  readonly port: number;
  /** The page's address, or null when there is none. */
  readonly page: string | null;
  /** Goes on under the alert settings that `read` gives; where it throws a RulesError, as before, and the log says so. */
  reload(read: () => AlertSettings): void;
  /** Takes nothing more, stores and acknowledges what was taken, closes. */
  stop(): Promise<void>;
}

/**
 * Starts a server with its alert settings. Rejects with one sentence when a file of users or tokens cannot be read, the store cannot be
 * opened, or an address is taken.
 */
export async function serve(config: ServerConfig, log: Logger, rules = DEFAULT_SETTINGS): Promise<Serving> {
  // Before the store is opened, which a start that fails closes again.
  const known: Known = {
    users: new Users(config.dataFolder, stays('Users', log)),
    tokens: new Tokens(config.dataFolder, stays('Tokens', log)),
    scriptTokens: new Tokens(config.dataFolder, stays('Tokens of scripts', log), SCRIPT_TOKENS),
  };
  const store = openStorage(config.dataFolder, {
    retentionMs: config.retentionMs,
    geoipFiles: config.geoipFile,
    log,
    failed: (what, error) => log.warn(`${what}, tried again later: ${error instanceof Error ? error.message : error}`),
  });
  if (config.storeUrl === null && store.events.logPosition > 0) {
    await store.close();
    throw new SettingsError([
      `ALPHASERVER_DATA=${config.dataFolder} cannot be used: it is a copy of a log that servers share; set ALPHASERVER_STORE to that log, or use another folder`,
    ]);
  }
  const sharing =
    config.storeUrl === null
      ? null
      : await shareStore({
          store,
          url: config.storeUrl,
          folder: config.dataFolder,
          retentionMs: config.retentionMs,
          log,
        });
  const opened: Opened = { store, sharing, checking: new AbortController(), kept: [] };
  try {
    return await start({ config, log, rules, known, opened });
  } catch (error) {
    // Why it does not start is what has to be said; a store that cannot be closed either is checked at the next start.
    await close(opened).catch((fault: unknown) =>
      log.warn(`The store is not closed in good order: ${fault instanceof Error ? fault.message : fault}`),
    );
    throw error;
  }
}

/** Logs that the contents of a file, which cannot be read any more, hold as they were. */
const stays = (what: string, log: Logger) => (message: string) => log.error(`${what} stay as they were: ${message}`);

/** Who may connect and ask. */
interface Known {
  readonly users: Users;
  readonly tokens: Tokens;
  readonly scriptTokens: Tokens;
}

/** The parts of a server that its end closes: all of one that runs, and of a start that fails those that are there already. */
interface Opened {
  readonly store: Storage;
  readonly sharing: Sharing | null;
  /** Ends the check of the whole store. */
  readonly checking: AbortController;
  /** Stops keeping a certificate of the server's own. */
  readonly kept: (() => void)[];
  checked?: Promise<void>;
  ingest?: GroupCommit;
  listener?: Listener;
  alerting?: Alerting;
  mailbox?: Mailbox;
  reports?: ScheduledReports;
  web?: Web;
}

/** Takes nothing more, stores and acknowledges what was taken, and closes what is open. */
async function close({ store, sharing, checking, kept, ...parts }: Opened): Promise<void> {
  // Nobody waits for what lets others go first, but whoever waits for its end.
  stopYielding();
  checking.abort();
  for (const stopKeeping of kept) stopKeeping();
  await parts.reports?.close();
  parts.mailbox?.close();
  parts.listener?.drain();
  // The rules save their state meanwhile: what is stored from here on they judge after the next start.
  const judged = parts.alerting?.close();
  await parts.ingest?.close();
  await Promise.all([parts.listener?.close(), parts.web?.close(), store.endThreads(), judged, parts.checked]);
  await sharing?.close();
  await store.close();
}

/** The parts that are there before a server starts, and its settings. */
interface Starting {
  readonly config: ServerConfig;
  readonly log: Logger;
  readonly rules: AlertSettings;
  readonly known: Known;
  readonly opened: Opened;
}

/** Starts all but the store. Each part that has to be closed stands in `opened` as soon as it is there. */
async function start({ config, log, rules, known, opened }: Starting): Promise<Serving> {
  const { store, sharing } = opened;
  const { users, tokens, scriptTokens } = known;
  const metrics = new Metrics();
  const ingest = new GroupCommit({
    store,
    commitsAtOnce: sharing === null ? 1 : COMMITS_OF_SHARED_LOG,
    stopwatch: metrics,
    log,
    now: Date.now,
  });
  opened.ingest = ingest;
  if (store.unclean)
    opened.checked = checkStore({
      folder: config.dataFolder,
      ingest,
      checked: () => store.events.checked(),
      log,
      signal: opened.checking.signal,
    });
  const authority = config.tls && findAuthority(config.dataFolder, config.tls.clientCaFile);
  const hosts = authority || sharing ? new JoinedHosts(config.dataFolder, stays('Revoked certificates', log)) : null;
  const joined = authority && hosts;
  const codes = new JoinCodes(config.dataFolder);
  const admission = new IdentityAdmission({
    tokens,
    anonymous: config.anonymous,
    joined,
    needsCertificate: config.needsCertificate,
    bindings: store.bindings(),
    bounds: new FleetBounds({ agents: store.agents(), hosts: store.hosts() }),
    log,
    now: Date.now,
  });
  const listener = new Listener({
    listen: config.listen,
    tls: config.tls,
    admission,
    joining:
      authority &&
      joined &&
      new Joining({
        authority,
        codes,
        hosts: joined,
        claim: async (code, host) => (sharing ? sharing.claim(code, host) : letIn(codes, joined, code, host)),
        log,
        now: Date.now,
      }),
    ingest,
    log,
    now: Date.now,
  });
  opened.listener = listener;
  const canJoin = authority !== null && config.tls !== null && authority.hasSigned(config.tls.certFile);
  const authorities = ownAuthorities(config.dataFolder, authority);
  for (const one of authorities)
    if (one.certifies(config.tls?.certFile) || one.certifies(config.httpTls?.certFile))
      opened.kept.push(keepServerCertificate(one, hostname(), log, Date.now));
  let stopping = false;
  const port = await bound('ALPHASERVER_LISTEN', config.listen, listener.open());
  const isConnected = (agent: string): boolean => listener.isConnected(agent) || (sharing?.isConnected(agent) ?? false);
  const views = store.views(isConnected, Date.now);
  const live = new Live({
    views,
    sessions: (ids) => store.sessions(ids),
    newestId: () => (sharing === null ? store.events.lastId : null),
    now: Date.now,
  });
  ingest.onCommit((stored) => live.stored(stored));
  ingest.onCommit((stored) => metrics.watch(stored));
  const alerting = new Alerting({
    folder: config.dataFolder,
    store,
    ingest,
    live,
    settings: rules,
    delivers: sharing === null,
    geoipFiles: config.geoipFile,
    log,
    now: Date.now,
  });
  opened.alerting = alerting;
  if (hosts)
    sharing?.start({
      ingest,
      admission,
      codes,
      hosts,
      listener,
      alerts: {
        decided: (decisions) => alerting.decided(decisions),
        deliver: (delivers) => alerting.thread.deliver(delivers),
      },
    });
  opened.mailbox = new Mailbox(config.dataFolder, (request) =>
    answerForget(request, { store, admission, listener, isConnected, log }),
  );
  if (config.report)
    opened.reports = await startReports({
      schedule: config.report,
      folder: config.dataFolder,
      views,
      alerts: alerting.view,
      settings: () => alerting.thread.settings,
      mayDeliver: () => (sharing === null ? true : sharing.leads),
      store,
      log,
      now: Date.now,
    });
  const ready = (): string | null => (stopping ? 'shutting down' : (ingest.fault ?? sharing?.fault ?? null));
  const certificates = (): CertificateEnd[] =>
    (
      [
        ['agents', listener.certificateEndsMs],
        ['page', web?.certificateEndsMs() ?? null],
        ['authority', authority?.endsMs() ?? null],
      ] as const
    ).flatMap(([use, endsMs]) => (endsMs === null ? [] : [{ use, endsMs }]));
  const pageHost = config.http?.host ?? '';
  const web: Web | null = config.http
    ? await bound(
        'ALPHASERVER_HTTP',
        config.http,
        startWeb({
          url: config.http,
          tls: config.httpTls,
          access: {
            users,
            tokens: scriptTokens,
            password: config.httpPassword,
            closed: config.httpClosed,
            secret: sessionSecret(config.dataFolder),
            ended: new EndedSessions(config.dataFolder, Date.now(), (message) => log.error(message)),
          },
          agents: {
            scheme: config.tls === null ? 'tcp' : 'tls',
            port,
            joinNames: canJoin ? authority.serverNames() : [],
          },
          names: () => [hostname(), pageHost, ...config.httpNames, ...authorities.flatMap((one) => one.serverNames())],
          views,
          written: store.writtenViews(Date.now),
          live,
          alerts: alerting.view,
          decisions: alerting.decisions,
          blocklist: alerting.blocklist,
          channels: alerting.channels,
          certificates,
          ready,
          metrics,
          figures: () =>
            figuresOf({
              store,
              dataFolder: config.dataFolder,
              ingest,
              listener,
              live,
              alerts: alerting.thread,
              channels: alerting.channels,
              ready,
              certificates,
              commitsFailed: () => metrics.commitsFailed,
              now: Date.now,
            }),
          log,
          now: Date.now,
        }),
      )
    : null;
  if (web) opened.web = web;
  return {
    port,
    page: web?.page ?? null,
    reload: (read) => {
      listener.refreshCertificate();
      web?.refreshCertificate();
      return alerting.reload(read);
    },
    stop: () => {
      stopping = true;
      return close(opened);
    },
  };
}

/** Starts reports. Loads tables and the mailer only here: a server without reports has no use for them on this thread. */
async function startReports(options: Omit<ScheduledReportsOptions, 'senderFor'>): Promise<ScheduledReports> {
  const [{ ScheduledReports }, { sender }] = await Promise.all([
    import('./report/scheduled-reports.ts'),
    import('./notify/send.ts'),
  ]);
  return new ScheduledReports({ ...options, senderFor: ({ page }) => sender(page, options.now) });
}

/** Reasons of the system why an address cannot be listened on. */
const BIND_FAULTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: "it is none of this machine's addresses",
  EACCES: 'this user may not listen there',
  ENOTFOUND: 'there is no host of this name',
};

/** Waits for an address to be bound. Rejects with the original's words for one that cannot be had, and the setting to change. */
async function bound<T>(setting: SettingName, { host, port }: Address, opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const reason = BIND_FAULTS[code] ? `${BIND_FAULTS[code]} (${code})` : message;
    throw new Error(`Bind failed. Error : ${hostAndPort(host, port)}: ${reason}; set ${setting} to another address`, {
      cause: error,
    });
  }
}
