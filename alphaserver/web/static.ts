/** The page's own files, and the chart package's: nothing comes from another host. */
import { join } from 'node:path';
import { fastifyStatic } from '@fastify/static';
import type { FastifyInstance } from 'fastify';

const PAGE = join(import.meta.dirname, 'page');
const CHARTS = join(import.meta.dirname, '..', '..', 'node_modules', 'uplot', 'dist');
/** What a browser needs; the page's types and their settings stay here. */
const SERVED = /\.(html|css|js|svg)$/;

/** `GET /` and what it asks for. Files are read when they are asked for and checked by their ETag each time. */
export async function pageFiles(app: FastifyInstance): Promise<void> {
  await app.register(fastifyStatic, {
    root: PAGE,
    wildcard: false,
    allowedPath: (path) => path === '/' || SERVED.test(path),
  });
  await app.register(fastifyStatic, {
    root: CHARTS,
    prefix: '/uplot/',
    wildcard: false,
    decorateReply: false,
    allowedPath: (path) => SERVED.test(path),
  });
}
