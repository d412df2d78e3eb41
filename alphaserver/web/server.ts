/** The page and the API over HTTP. */

import type { AddressInfo } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import { type FastifyError, type FastifyInstance, fastify } from 'fastify';
import type { Logger } from '../../service/logger.ts';
import { type Address, hostAndPort } from '../../service/value-parser.ts';
import { CERTIFICATE_CHECKED_EVERY_MS, type CertificateFiles, ServerCertificate } from '../ingest/certificate.ts';
import type { CertificateEnd, Figures } from '../metrics/samples.ts';
import type { AlertQueries } from '../queries/alert-results.ts';
import type { DecisionQueries } from '../queries/decision-results.ts';
import type { Views, WrittenViews } from '../queries/results.ts';
import { Access, type AccessOptions } from './access.ts';
import type { AgentEntry } from './agent-entry.ts';
import { packed, refuseOtherMethods } from './answers.ts';
import { apiDocs, describeApi } from './api-docs.ts';
import { described } from './api-schema.ts';
import { hostCheck } from './host-check.ts';
import { boundAnswers, boundConnections, SERVER_LIMITS } from './in-flight.ts';
import { type Live, liveRoute } from './live.ts';
import { loginRoutes, meRoute } from './login.ts';
import { type Metrics, metricsRoute } from './metrics.ts';
import { type ApiTypes, checkWith, TEXT_LIMIT } from './parameters.ts';
import { boundRequests } from './request-turns.ts';
import { alertRoutes } from './routes/alerts.ts';
import { type BlocklistOf, blocklistRoute } from './routes/blocklist.ts';
import { certificateRoutes } from './routes/certificates.ts';
import { type ChannelsOf, channelRoutes } from './routes/channels.ts';
import { countRoutes } from './routes/counts.ts';
import { decisionRoutes } from './routes/decisions.ts';
import { eventRoutes } from './routes/events.ts';
import { hostRoutes } from './routes/hosts.ts';
import { keyRoutes } from './routes/keys.ts';
import { ledgerRoutes } from './routes/ledger.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { secureHeaders } from './secure-headers.ts';
import { CsvDownloads } from './send-csv.ts';
import { pageFiles } from './static.ts';

/** The sources of the routes' answers. */
export interface WebOptions {
  readonly url: Address;
  /** The certificate that the page is served with, or null: HTTP alone. */
  readonly tls: CertificateFiles | null;
  /** Decides who may see and do what, except for the health checks. */
  readonly access: Omit<AccessOptions, 'encrypted' | 'log' | 'now'>;
  /** Gives the host names by which the server is known, with those below them. Asked again whenever a certificate may have changed. */
  readonly names: () => readonly string[];
  /** Where agents connect, for who has none yet. */
  readonly agents: AgentEntry;
  readonly views: Views;
  readonly written: WrittenViews;
  readonly live: Live;
  readonly metrics: Metrics;
  readonly figures: () => Promise<Figures>;
  readonly alerts: AlertQueries;
  /** Takes and shows decisions of people. */
  readonly decisions: DecisionQueries;
  /** The addresses for firewalls. */
  readonly blocklist: BlocklistOf;
  /** The ways to tell people. */
  readonly channels: ChannelsOf;
  /** The ends of the server's certificates. */
  readonly certificates: () => readonly CertificateEnd[];
  /** Returns why nothing can be stored at the moment, or null. */
  readonly ready: () => string | null;
  readonly log: Logger;
  readonly now: () => number;
}

/** A running web server. */
export interface Web {
  /** The page's address. */
  readonly page: string;
  /** Reads the certificate again where it has changed, and takes the server's names anew. */
  refreshCertificate(): void;
  /** Returns when the page's certificate expires, Unix milliseconds; null without one. */
  certificateEndsMs(): number | null;
  close(): Promise<void>;
}

const FAULTS: Readonly<Record<number, string>> = {
  400: 'bad_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  413: 'too_large',
  415: 'unsupported_media_type',
  429: 'too_many',
  503: 'unavailable',
};

/** A name in a path may be as long as in a parameter, each of its bytes percent-encoded. */
const ROUTER = { ignoreTrailingSlash: true, maxParamLength: 9 * TEXT_LIMIT } as const;

/** Serves the API. Rejects with the system's error when the address is taken. */
export async function startWeb(options: WebOptions): Promise<Web> {
  const certificate = options.tls === null ? null : new ServerCertificate(options.tls, options.log);
  const app = fastify({
    ...SERVER_LIMITS,
    // Fastify's types take either kind of server, and not one that is chosen here.
    ...((certificate === null ? {} : { https: certificate.credentials }) as object),
    forceCloseConnections: true,
    routerOptions: ROUTER,
  });
  // Before every other hook: whoever is refused gets them too.
  await secureHeaders(app, certificate !== null);
  const access = new Access({
    ...options.access,
    encrypted: certificate !== null,
    log: options.log,
    now: options.now,
  });
  boundAnswers(app);
  boundConnections(app.server);
  boundRequests(app.server);
  let isOwnHost = hostCheck(options.names());
  app.setValidatorCompiler(checkWith(options.now));
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) options.log.error(`HTTP: ${error.message}`);
    const message = status >= 500 && status !== 503 ? 'the server could not answer; its log says why' : error.message;
    return reply.status(status).send({ error: FAULTS[status] ?? 'failed', message });
  });
  app.setNotFoundHandler((_request, reply) =>
    reply.status(404).send({ error: 'not_found', message: 'there is nothing at this path' }),
  );
  app.addHook('onSend', packed);
  app.addHook('onRequest', async (request, reply) => {
    // Of several, Node gives the first one, and a proxy may have gone by another (RFC 9112, section 3.2).
    const { host = [] } = request.raw.headersDistinct;
    if (host.length === 1 && isOwnHost(host[0])) return;
    return reply.status(421).send({
      error: 'misdirected',
      message: 'this server is not known by that host name; ALPHASERVER_HTTP_NAMES lists those it has',
    });
  });
  await describeApi(app);
  app.get('/healthz', described('operations', '200 while the process runs'), async () => ({ status: 'up' }));
  app.get(
    '/readyz',
    described('operations', '200 while events can be stored, else 503 and why'),
    async (_request, reply) => {
      const fault = options.ready();
      return fault ? reply.status(503).send({ error: 'not_ready', message: fault }) : { status: 'ready' };
    },
  );
  await access.readCookies(app);
  loginRoutes(app.withTypeProvider<ApiTypes>(), access);
  await app.register(async (closed) => {
    await access.protect(closed);
    await apiDocs(closed);
    const { views, written, alerts, now } = options;
    const api = closed.withTypeProvider<ApiTypes>();
    const downloads = new CsvDownloads();
    await refuseOtherMethods(closed, async () => {
      meRoute(api, access);
      hostRoutes(api, views);
      eventRoutes(api, { views, written, downloads });
      sessionRoutes(api, views, downloads);
      keyRoutes(api, views, downloads);
      countRoutes(api, { views, written, alerts, ready: options.ready });
      ledgerRoutes(api, views);
      alertRoutes(api, alerts);
      decisionRoutes(api, options.decisions, alerts);
      blocklistRoute(api, options.blocklist, now);
      channelRoutes(api, options.channels);
      certificateRoutes(api, options.certificates, now);
      liveRoute(api, options.live, access);
      metricsRoute(closed, options.metrics, options.figures);
    });
    await pageFiles(closed, options.agents);
  });
  const refreshCertificate = (): void => {
    const renewed = certificate?.refresh(options.now()) ?? null;
    if (renewed !== null) (app.server as unknown as TlsServer).setSecureContext(renewed);
    try {
      isOwnHost = hostCheck(options.names());
    } catch {
      // The certificate that has them cannot be read: they stay as they were, and who uses it logs why.
    }
  };
  const { host, port } = options.url;
  await listen(app, host, port);
  const watch = setInterval(refreshCertificate, CERTIFICATE_CHECKED_EVERY_MS);
  const bound = (app.server.address() as AddressInfo).port;
  const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  return {
    page: `${certificate === null ? 'http' : 'https'}://${hostAndPort(shown, bound)}`,
    refreshCertificate,
    certificateEndsMs: () => certificate?.endsMs ?? null,
    close: () => {
      clearInterval(watch);
      options.live.close();
      app.server.closeAllConnections();
      // Where it listens by itself, fastify does not know of it.
      app.server.close();
      return app.close();
    },
  };
}

/**
 * Listens. For all addresses not by fastify's own way, which asks the system for this machine's interfaces to log them: the packages'
 * unit forbids that (AF_NETLINK), and the server would end.
 */
async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  if (host !== '0.0.0.0') {
    await app.listen({ host, port });
    return;
  }
  await app.ready();
  await new Promise<void>((done, failed) => {
    app.server.once('error', failed);
    app.server.listen({ host, port }, () => {
      app.server.off('error', failed);
      done();
    });
  });
}
