/** `GET /api/certificates`: when the server's certificates expire. */
import { WARNED_BEFORE_MS } from '../../ingest/certificate.ts';
import type { CertificateEnd } from '../../metrics/samples.ts';
import { CERTIFICATES } from '../api-schema.ts';
import type { ApiApp } from '../parameters.ts';

/** Adds the route. */
export function certificateRoutes(app: ApiApp, certificates: () => readonly CertificateEnd[], now: () => number): void {
  app.get('/api/certificates', CERTIFICATES, async () => ({
    certificates: certificates().map(({ use, endsMs }) => ({
      use,
      expiresAt: new Date(endsMs).toISOString(),
      expiresSoon: endsMs - now() < WARNED_BEFORE_MS,
    })),
  }));
}
