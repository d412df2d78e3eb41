/** The API's description: OpenAPI as JSON and as a page, all of it from this machine. */
import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import manifest from '../../package.json' with { type: 'json' };
import { TAGS } from './api-schema.ts';

/** Takes note of the routes that are registered after it. */
export async function describeApi(app: FastifyInstance): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.0.3',
      info: {
        title: 'Asgard',
        description: 'Who tries to log in over SSH. Times are ISO 8601 in UTC; errors are {"error","message"}.',
        version: manifest.version,
      },
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    },
  });
}

/** The policy of the page alone: Swagger UI styles elements as it draws them, and has its images in its style sheets. */
const POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

/** Shows them at `/api/docs`, and as JSON at `/api/docs/json`. */
export async function apiDocs(app: FastifyInstance): Promise<void> {
  await app.register(fastifySwaggerUi, {
    routePrefix: '/api/docs',
    uiConfig: { docExpansion: 'list' },
    theme: { title: 'Asgard API' },
    staticCSP: POLICY,
  });
}
