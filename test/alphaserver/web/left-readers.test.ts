/** Readers who leave while their answer is worked out: what was counted for them is given back. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Writable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import { boundAnswers } from '../../../alphaserver/web/in-flight.ts';
import { Live } from '../../../alphaserver/web/live.ts';
import { CsvDownloads, type CsvList, DOWNLOADS_LIMIT } from '../../../alphaserver/web/send-csv.ts';
import { until } from '../../until.ts';
import { statusFrom } from './asked-from.ts';

/** Answers of a server that are worked out for as long as the test says. */
class SlowAnswers {
  readonly replies: FastifyReply[] = [];
  /** Answers that have gone through the hooks of sending. */
  sending = 0;
  #isSlow = true;
  #go: () => void = () => {};
  readonly #gone = new Promise<void>((done) => {
    this.#go = done;
  });

  /** Resolves when the answer to this request may be given. */
  async worked(reply: FastifyReply): Promise<void> {
    this.replies.push(reply);
    if (this.#isSlow) await this.#gone;
  }

  /** Lets go of all answers, and of those of later requests at once. */
  finish(): void {
    this.#isSlow = false;
    this.#go();
  }
}

/** Serves an app whose answers are counted behind the hooks that it has already. */
async function served(
  context: TestContext,
  app: FastifyInstance,
  answers: SlowAnswers,
): Promise<{ readonly port: number; readonly url: string }> {
  app.addHook('onSend', async () => {
    answers.sending += 1;
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  context.after(() => {
    (app.server as Server).closeAllConnections();
    return app.close();
  });
  const { port } = app.server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}` };
}

/** An address of loopback for each reader: none has more answers or downloads than its share. */
const addressOf = (reader: number): string => `127.0.0.${reader + 2}`;

/** Asks `count` times, and leaves each time while the answer is worked out; then all answers are finished. */
async function leave(port: number, count: number, answers: SlowAnswers): Promise<void> {
  const sockets = Array.from({ length: count }, (_, reader) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: addressOf(reader) });
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    return socket;
  });
  await until(() => answers.replies.length === count);
  for (const socket of sockets) socket.destroy();
  await until(() => answers.replies.every(({ raw }) => raw.destroyed));
  answers.finish();
  await until(() => answers.sending === count);
}

/** An app whose one answer is a download of the page that `read` gives. */
function downloading(answers: SlowAnswers, read: () => Awaited<ReturnType<CsvList<number>['page']>>): FastifyInstance {
  const app = fastify();
  const downloads = new CsvDownloads();
  app.get('/', (request, reply) =>
    downloads.send(reply, {
      name: 'events',
      columns: ['id'],
      marked: false,
      limit: null,
      cursor: null,
      cursorText: String,
      url: request.url,
      page: async () => {
        await answers.worked(reply);
        return read();
      },
    }),
  );
  return app;
}

test('an answer whose reader left before it was there does not count among those that wait', async (context) => {
  const app = fastify();
  const answers = new SlowAnswers();
  boundAnswers(app, 1_000);
  app.get('/', async (_request, reply) => {
    await answers.worked(reply);
    return 'x'.repeat(600);
  });
  const { port, url } = await served(context, app, answers);
  await leave(port, 3, answers);
  assert.equal((await fetch(url)).status, 200);
});

test('a download whose reader left before its first page gives its place back', async (context) => {
  const answers = new SlowAnswers();
  const app = downloading(answers, () => ({ rows: [{ id: 1 }], next: null }));
  const { port, url } = await served(context, app, answers);
  await leave(port, DOWNLOADS_LIMIT, answers);
  assert.equal(await (await fetch(url)).text(), 'id\r\n1\r\n');
});

test('downloads whose first pages are read at the same time count, and those that fail give their places back', async (context) => {
  const answers = new SlowAnswers();
  const app = downloading(answers, () => {
    throw new Error('the store cannot be read');
  });
  const { url } = await served(context, app, answers);
  const first = Array.from({ length: DOWNLOADS_LIMIT }, (_, reader) => statusFrom(addressOf(reader), url));
  await until(() => answers.replies.length === DOWNLOADS_LIMIT);
  assert.equal((await fetch(url, { signal: AbortSignal.timeout(20_000) })).status, 503);
  answers.finish();
  assert.deepEqual(await Promise.all(first), Array(DOWNLOADS_LIMIT).fill(500));
  // Its place is free when its connection hears of it, which may be after the answer came.
  await until(async () => (await fetch(url)).status === 500);
});

test('HEAD of a download says what kind it is and reads none of its pages', async (context) => {
  const answers = new SlowAnswers();
  answers.finish();
  let pages = 0;
  const app = downloading(answers, () => {
    pages += 1;
    return { rows: [{ id: pages }], next: pages < 50 ? pages : null };
  });
  const { url } = await served(context, app, answers);
  for (const _ of Array(DOWNLOADS_LIMIT + 1)) {
    const { status, headers } = await fetch(url, { method: 'HEAD' });
    assert.deepEqual([status, headers.get('content-type')], [200, 'text/csv; charset=utf-8']);
    assert.equal(headers.get('content-disposition'), 'attachment; filename="events.csv"');
  }
  // The download that follows reads its own pages alone.
  assert.equal((await (await fetch(url)).text()).split('\r\n').length, 52);
  assert.equal(pages, 50);
});

test('a viewer who left before the stream began has no place', async (context) => {
  const live = new Live({ views: { eventsAfter: async () => [] }, sessions: () => [], now: () => 0 });
  context.after(() => live.close());
  const stream = new Writable().destroy();
  await once(stream, 'close');
  live.add(stream, null);
  assert.equal(live.viewers, 0);
});
