/**
 * The page's own files, and the chart package's: nothing comes from another host. All are read, put together and packed
 * once, when the server starts, so that opening the page is a few requests that are answered from memory.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { policyWithStyle } from './secure-headers.ts';

const PAGE = join(import.meta.dirname, 'page');
const CHARTS = dirname(fileURLToPath(import.meta.resolve('uplot/dist/uPlot.min.css')));
/** The style sheets in the order in which their rules count. They stand in the page itself: the first paint waits for no other request. */
export const STYLES = [
  'colours',
  'style',
  'frame',
  'glyphs',
  'filters',
  'answer',
  'board',
  'timeline-chart',
  'feed',
  'tables',
]
  .concat(['coverage', 'incident', 'about', 'steps', 'in-now', 'search'])
  .map((name) => join(PAGE, `${name}.css`))
  .concat(join(CHARTS, 'uPlot.min.css'));
/** The page imports the chart's package under a name of its own, which `chart.d.ts` gives types to. */
const CHART = 'chart.js';
const TYPES = { js: 'text/javascript', svg: 'image/svg+xml', html: 'text/html' } as const;

interface File {
  readonly type: string;
  readonly plain: Buffer;
  readonly packed: Buffer;
  readonly etag: string;
}

function file(type: keyof typeof TYPES, plain: Buffer): File {
  const hash = createHash('sha256').update(plain).digest('base64url').slice(0, 16);
  return { type: `${TYPES[type]}; charset=utf-8`, plain, packed: gzipSync(plain), etag: `"${hash}"` };
}

/** The files by name, and the page that names them by the address they have, with the policy that its own style sheet needs. */
function readAll(): { version: string; index: File; policy: string; files: ReadonlyMap<string, File> } {
  const filesOf = (ending: string) => readdirSync(PAGE).filter((name) => name.endsWith(ending));
  const modules = filesOf('.js');
  const files = new Map([
    ...filesOf('.svg').map((name) => [name, file('svg', readFileSync(join(PAGE, name)))] as const),
    [
      CHART,
      file('js', Buffer.from(`${readFileSync(join(CHARTS, 'uPlot.iife.min.js'), 'utf8')}\nexport default uPlot;\n`)),
    ],
    ...modules.map((name) => [name, file('js', readFileSync(join(PAGE, name)))] as const),
  ]);
  const version = createHash('sha256')
    .update([...files].map(([name, { etag }]) => name + etag).join())
    .digest('hex')
    .slice(0, 12);
  const folder = `/page/${version}`;
  const styles = STYLES.map((path) => readFileSync(path, 'utf8')).join('');
  // Named at once, the modules come side by side, and not each after the one that imports it.
  const preload = modules.map((name) => `<link rel="modulepreload" href="${folder}/${name}">`).join('\n');
  const html = readFileSync(join(PAGE, 'index.html'), 'utf8')
    .replaceAll('{folder}', folder)
    .replace('{preload}', preload)
    .replace('{styles}', () => `<style>${styles}</style>`);
  // The policy lets in this style sheet by its hash, and no other that stands in a page.
  const hash = createHash('sha256').update(styles).digest('base64');
  const policy = policyWithStyle(hash);
  return { version, index: file('html', Buffer.from(html)), policy, files };
}

/** `GET /` and what it asks for. Throws when a file is not there. */
export async function pageFiles(app: FastifyInstance): Promise<void> {
  const { version, index, policy, files } = readAll();
  const hidden = { schema: { hide: true } };
  app.get('/', hidden, (request, reply) =>
    send(request, reply.headers({ 'cache-control': 'no-cache', 'content-security-policy': policy }), index),
  );
  // A file's address changes with what is in any of them: a browser never needs to ask whether it is still so.
  app.get<{ Params: { name: string } }>(`/page/${version}/:name`, hidden, (request, reply) => {
    const found = files.get(request.params.name);
    return found
      ? send(request, reply.header('cache-control', 'public, max-age=31536000, immutable'), found)
      : reply.callNotFound();
  });
}

function send(request: FastifyRequest, reply: FastifyReply, { type, plain, packed, etag }: File): FastifyReply {
  const { 'if-none-match': known, 'accept-encoding': encodings = '' } = request.headers;
  reply.headers({ etag, vary: 'accept-encoding' });
  if (known?.includes(etag)) return reply.status(304).send();
  if (!/\bgzip\b/.test(String(encodings))) return reply.type(type).send(plain);
  return reply.type(type).header('content-encoding', 'gzip').send(packed);
}
