/** Headers that bound what a browser does with an answer, by helmet (helmetjs.github.io). */
import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';

/** The policy of what the page may load and do; the API's page has a policy of its own. */
const DIRECTIVES: Readonly<Record<string, string[]>> = {
  'default-src': ["'self'"],
  'object-src': ["'none'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'none'"],
  'base-uri': ["'none'"],
};

/** Returns the policy of a page that holds a style sheet of this SHA-256 (base64), and no other. */
export const policyWithStyle = (hash: string): string =>
  Object.entries({ ...DIRECTIVES, 'style-src': ["'self'", `'sha256-${hash}'`] })
    .map(([name, sources]) => `${name} ${sources.join(' ')}`)
    .join(';');

/** Sets them on every answer, those of refused requests and of the stream too. `encrypted`: the page is served over HTTPS. */
export async function secureHeaders(app: FastifyInstance, encrypted: boolean): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: DIRECTIVES },
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
    // A browser would hold other servers of the same name to it, for a year.
    strictTransportSecurity: false,
    // Browsers take these over HTTPS alone, and complain about them elsewhere.
    crossOriginOpenerPolicy: encrypted,
    originAgentCluster: encrypted,
  });
}
