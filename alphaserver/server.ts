/** `alphaserver run`: the parts of a server put together, until it is told to stop. */

import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../service/logger.ts';
import type { Address } from '../service/value-parser.ts';
import { type AlertSettings, DEFAULT_SETTINGS } from './alert-config/settings.ts';
import { Alerting } from './alerts.ts';
import type { ServerConfig, SettingName } from './config.ts';
import { IdentityAdmission } from './ingest/admission.ts';
import { findAuthority, keepServerCertificate } from './ingest/authority.ts';
import { GroupCommit } from './ingest/group-commit.ts';
import { JoinCodes } from './ingest/join-codes.ts';
import { JoinedHosts } from './ingest/joined-hosts.ts';
import { Joining } from './ingest/joining.ts';
import { Listener } from './ingest/listener.ts';
import { Tokens } from './ingest/tokens.ts';
import { figuresOf } from './metrics/collect.ts';
import { ROLLUPS_FILE } from './rollups/schema.ts';
import { openStorage } from './storage.ts';
import { EVENTS_FILE } from './store/folder.ts';
import { checkWhole, DAMAGE_ADVICE } from './store/integrity.ts';
import { Live } from './web/live.ts';
import { Metrics } from './web/metrics.ts';
import { startWeb } from './web/server.ts';

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

/** Starts a server with its alert settings. Rejects with one sentence when the store cannot be opened or an address is taken. */
export async function serve(config: ServerConfig, log: Logger, rules = DEFAULT_SETTINGS): Promise<Serving> {
  const store = openStorage(config.dataFolder, {
    retentionMs: config.retentionMs,
    geoipFiles: config.geoipFile,
    log,
    failed: (what, error) => log.warn(`${what}, tried again later: ${error instanceof Error ? error.message : error}`),
  });
  const metrics = new Metrics();
  const ingest = new GroupCommit({ store, stopwatch: metrics, log, now: Date.now });
  if (store.unclean) void checkStore(config.dataFolder, ingest, log);
  const authority = config.tls && findAuthority(config.dataFolder, config.tls.clientCaFile);
  const joined = authority && new JoinedHosts(config.dataFolder);
  const codes = new JoinCodes(config.dataFolder);
  const admission = new IdentityAdmission({
    tokens: new Tokens(config.dataFolder, (message) => log.error(`Tokens stay as they were: ${message}`)),
    anonymous: config.anonymous,
    joined,
    needsCertificate: config.needsCertificate,
    bindings: store.bindings(),
    log,
    now: Date.now,
  });
  const listener = new Listener({
    listen: config.listen,
    tls: config.tls,
    admission,
    joining: authority && joined && new Joining({ authority, codes, hosts: joined, log, now: Date.now }),
    ingest,
    log,
    now: Date.now,
  });
  const isOwnCertificate = authority !== null && config.tls?.certFile === authority.files.server;
  const stopKeeping = isOwnCertificate ? keepServerCertificate(authority, hostname(), log, Date.now) : () => {};
  let stopping = false;
  const port = await bound('ALPHASERVER_LISTEN', config.listen, listener.open());
  const views = store.views((agent) => listener.isConnected(agent), Date.now);
  const live = new Live({ views, now: Date.now });
  ingest.onCommit((stored) => live.stored(stored));
  ingest.onCommit((stored) => metrics.watch(stored));
  const alerting = new Alerting({
    folder: config.dataFolder,
    store,
    ingest,
    live,
    settings: rules,
    log,
    now: Date.now,
  });
  const ready = (): string | null => (stopping ? 'shutting down' : ingest.fault);
  const web = config.http
    ? await bound(
        'ALPHASERVER_HTTP',
        config.http,
        startWeb({
          url: config.http,
          password: config.httpPassword,
          names: [hostname(), config.http.host, ...config.httpNames],
          views,
          written: store.writtenViews(Date.now),
          live,
          alerts: alerting.view,
          blocklist: alerting.blocklist,
          channels: alerting.channels,
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
              commitsFailed: () => metrics.commitsFailed,
              now: Date.now,
            }),
          log,
          now: Date.now,
        }),
      )
    : null;
  return {
    port,
    page: web?.page ?? null,
    reload: (read) => {
      listener.refreshCertificate();
      return alerting.reload(read);
    },
    stop: async () => {
      stopping = true;
      stopKeeping();
      listener.drain();
      await ingest.close();
      await listener.close();
      await web?.close();
      await alerting.close();
      await store.close();
    },
  };
}

/** Checks a store that was not closed in good order, while it is used already: of a large one that takes minutes. */
async function checkStore(folder: string, ingest: GroupCommit, log: Logger): Promise<void> {
  try {
    const fault = await checkWhole([EVENTS_FILE, ROLLUPS_FILE].map((name) => join(folder, name)));
    if (fault !== null) ingest.refuse(`the store in ${folder} is damaged (${fault}): ${DAMAGE_ADVICE}`);
  } catch (error) {
    log.warn(`The store could not be checked as a whole: ${error instanceof Error ? error.message : String(error)}`);
  }
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
    const where = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    throw new Error(`Bind failed. Error : ${where}: ${reason}; set ${setting} to another address`, { cause: error });
  }
}
