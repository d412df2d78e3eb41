/** Headers that bound what a browser does with an answer, by helmet (helmetjs.github.io). */
import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';

/** Sets them on every answer, those of refused requests and of the stream too. `encrypted`: the page is served over HTTPS. */
export async function secureHeaders(app: FastifyInstance, encrypted: boolean): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      // The API's page has a policy of its own.
      directives: {
        defaultSrc: ["'self'"],
        objectSrc: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
    },
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
    // A browser would hold other servers of the same name to it, for a year.
    strictTransportSecurity: false,
    // Browsers take these over HTTPS alone, and complain about them elsewhere.
    crossOriginOpenerPolicy: encrypted,
    originAgentCluster: encrypted,
  });
}
