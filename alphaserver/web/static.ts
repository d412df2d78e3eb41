/**
 * The page's own files, and the chart package's: nothing comes from another host. All are read, put together and packed
 * once, when the page is first asked for, so that opening it is a few requests that are answered from memory.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type AgentEntry, entryTexts } from './agent-entry.ts';
import { pageModule } from './page-module.ts';
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
const MAIN = 'main.js';
/** The page imports the chart's package under a name of its own, which `chart.d.ts` gives types to. */
const CHART = 'chart.js';
/** A worker is a file of its own. */
const WORKER = 'pulse-worker.js';
/** What the answer of the plain address is made of, as `load-board.js` asks for it: the browser asks while the page's module is on its way. */
export const ASKED_EARLY = ['/api/hosts?limit=1000', '/api/summary?since=24h', '/api/alerts?since=24h&limit=1000'];
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

interface PageFiles {
  /** A part of the files' address that changes with what is in any of them. */
  readonly version: string;
  /** The page at its plain address. */
  readonly index: File;
  /** The page at an address with a query, which asks for something else. */
  readonly view: File;
  /** The content security policy that the page's own style sheet needs. */
  readonly policy: string;
  readonly byName: ReadonlyMap<string, File>;
}

/** Puts the page together, which names its files by the address that they have. Rejects where a file is not there. */
async function readAll(entry: AgentEntry): Promise<PageFiles> {
  const module = await pageModule(PAGE);
  const icons = readdirSync(PAGE).filter((name) => name.endsWith('.svg'));
  const chart = `${readFileSync(join(CHARTS, 'uPlot.iife.min.js'), 'utf8')}\nexport default uPlot;\n`;
  const byName = new Map([
    ...icons.map((name) => [name, file('svg', readFileSync(join(PAGE, name)))] as const),
    [MAIN, file('js', module)],
    [CHART, file('js', Buffer.from(chart))],
    [WORKER, file('js', readFileSync(join(PAGE, WORKER)))],
  ]);
  const version = createHash('sha256')
    .update([...byName].map(([name, { etag }]) => name + etag).join())
    .digest('hex')
    .slice(0, 12);
  const styles = STYLES.map((path) => readFileSync(path, 'utf8')).join('');
  let html = readFileSync(join(PAGE, 'index.html'), 'utf8');
  for (const [hole, text] of Object.entries(entryTexts(entry, PAGE))) html = html.replace(`{${hole}}`, text);
  html = html.replaceAll('{folder}', `/page/${version}`).replace('{styles}', () => `<style>${styles}</style>`);
  const early = ASKED_EARLY.map((path) => path.replaceAll('&', '&amp;')).map(
    (path) => `<link rel="preload" as="fetch" crossorigin href="${path}">\n`,
  );
  const pageWith = (links: readonly string[]): File =>
    file('html', Buffer.from(html.replace('{early}\n', links.join(''))));
  // The policy lets in this style sheet by its hash, and no other that stands in a page.
  const policy = policyWithStyle(createHash('sha256').update(styles).digest('base64'));
  return { version, index: pageWith(early), view: pageWith([]), policy, byName };
}

/** Adds `GET /` and what it asks for. The page says that agents connect at `entry`. */
export async function pageFiles(app: FastifyInstance, entry: AgentEntry): Promise<void> {
  let reading: Promise<PageFiles> | null = null;
  const read = (): Promise<PageFiles> => {
    reading ??= readAll(entry).catch((error: unknown) => {
      // What is lacking may be there when the page is asked for again.
      reading = null;
      throw error;
    });
    return reading;
  };
  const hidden = { schema: { hide: true } };
  app.get('/', hidden, async (request, reply) => {
    const { index, view, policy } = await read();
    const page = request.url.includes('?') ? view : index;
    return send(request, reply.headers({ 'cache-control': 'no-cache', 'content-security-policy': policy }), page);
  });
  app.get<{ Params: { version: string; name: string } }>('/page/:version/:name', hidden, async (request, reply) => {
    const { version, byName } = await read();
    const found = request.params.version === version ? byName.get(request.params.name) : undefined;
    // A file's address changes with what is in any of them: a browser never needs to ask whether it is still so.
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
