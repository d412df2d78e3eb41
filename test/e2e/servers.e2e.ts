/** Two servers on one PostgreSQL: the same events under the same ids, the same alerts, one that delivers, and failures of each part. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { noPostgres, Postgres } from '../postgres.ts';
import { Pair, type Program } from '../programs.ts';
import { until } from '../until.ts';

/** An agent of a test: a socket, what was acknowledged, and events that it sends again until they are. */
class Agent {
  readonly #id: string;
  readonly #lines: string[] = [];
  acknowledged = 0;
  answers = '';

  constructor(id: string) {
    this.#id = id;
  }

  /** Adds events for a source, which have the next numbers. */
  add(count: number, more: object = {}): this {
    for (let i = 0; i < count; i += 1) {
      const seq = this.#lines.length + 1;
      const event = {
        outcome: 'failed',
        method: 'password',
        user: `user${seq}`,
        invalidUser: true,
        ip: '203.0.113.9',
        port: 1_000 + seq,
      };
      this.#lines.push(
        JSON.stringify({ type: 'event', seq, at: new Date().toISOString(), trust: 'journal', ...event, ...more }),
      );
    }
    return this;
  }

  /** Sends to a server, from the first event that is not acknowledged, until `upTo` is; resolves when it is or the connection ends. */
  send(port: number, from = this.acknowledged + 1): Promise<void> {
    return new Promise((done) => {
      const socket = connect(port, '127.0.0.1');
      let text = '';
      socket.on('error', () => {});
      socket.on('close', () => done());
      socket.on('data', (chunk) => {
        text += chunk;
        const lines = text.split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) {
          this.answers += `${line}\n`;
          const { type, seq } = JSON.parse(line) as { type: string; seq: number };
          if (type === 'ack' || type === 'welcome') this.acknowledged = Math.max(this.acknowledged, seq);
        }
        if (this.acknowledged >= this.#lines.length) socket.end('{"type":"quit"}\n');
      });
      const hello = { type: 'hello', version: 1, agent: this.#id, host: 'web' };
      socket.write([JSON.stringify(hello), ...this.#lines.slice(from - 1), ''].join('\n'));
    });
  }
}

const id = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

describe('two servers on one PostgreSQL', { skip: noPostgres }, () => {
  let postgres: Postgres;
  let one: Pair;
  let two: Pair;
  let first: Program;
  let second: Program;
  const store = (): Record<string, string> => ({ ALPHASERVER_STORE: postgres.url });

  before(async () => {
    postgres = await Postgres.start();
    one = await Pair.make();
    two = await Pair.make();
    [first, second] = await Promise.all([one.serving(store()), two.serving(store())]);
  });

  after(async () => {
    await one.close();
    await two.close();
    postgres.close();
  });

  const ids = async (pair: Pair): Promise<string> => {
    const { events } = await pair.api<{ events: { id: number; storedAt: string; agent: string; user: string }[] }>(
      '/api/events?limit=1000',
    );
    return JSON.stringify(events.map((event) => [event.id, event.storedAt, event.agent, event.user]));
  };
  const stored = async (pair: Pair): Promise<number> => {
    const { agents } = await pair.api<{ agents: { stored: number }[] }>('/api/ledger');
    return agents.reduce((sum, agent) => sum + agent.stored, 0);
  };
  const agree = async (events: number): Promise<void> => {
    await until(async () => (await stored(one)) === events && (await stored(two)) === events);
    // An answer may be one of a moment before where the question was asked then.
    await until(
      async () => (await ids(one)) === (await ids(two)),
      () => 'the two servers give the same events',
    );
  };

  test('what one server takes is in the answers of both, under the same ids and times', async () => {
    await new Agent(id(1)).add(3).send(one.port);
    await new Agent(id(2)).add(4).send(two.port);
    await agree(7);
    assert.match(first.output, /Processed result: web had \d attempt of ssh session/);
  });

  test('a number is stored once, whichever server takes it', async () => {
    const agent = new Agent(id(3)).add(20);
    await Promise.all([agent.send(one.port, 1), agent.send(two.port, 1)]);
    await agree(27);
    const { agents } = await one.api<{ agents: { agent: string; gaps: number }[] }>('/api/ledger');
    assert.equal(agents.find(({ agent: uuid }) => uuid === id(3))?.gaps, 0);
  });

  test('an agent goes on with another server where the first one stopped', async () => {
    const agent = new Agent(id(4)).add(5);
    await agent.send(one.port);
    agent.add(5);
    const elsewhere = new Agent(id(4)).add(10);
    await elsewhere.send(two.port);
    assert.match(elsewhere.answers, /"type":"welcome".*"seq":5/);
    await agree(37);
  });

  test('an incident has the same id on both, and an acknowledgement on one shows on the other', async () => {
    const alerts = (pair: Pair) =>
      pair.api<{ alerts: { id: string; acknowledged: unknown; acknowledgedAt?: unknown }[] }>('/api/alerts');
    await until(async () => (await alerts(one)).alerts.length > 0 && (await alerts(two)).alerts.length > 0);
    const lists = { one: '', two: '' };
    await until(
      async () => {
        lists.one = JSON.stringify((await alerts(one)).alerts.map((a) => a.id));
        lists.two = JSON.stringify((await alerts(two)).alerts.map((a) => a.id));
        return lists.one === lists.two;
      },
      () => JSON.stringify(lists),
    );
    const [incident] = (await alerts(one)).alerts;
    const answer = await fetch(
      `http://127.0.0.1:${one.httpPort}/api/alerts/${encodeURIComponent(incident?.id ?? '')}/acknowledge`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ by: 'Ada' }),
      },
    );
    assert.equal(answer.status, 200, await answer.text());
    await until(async () => JSON.stringify((await alerts(two)).alerts).includes('Ada'));
  });

  test('a token that is made on one server is good on the other, and one that is revoked is not', async () => {
    const folderOf = (pair: Pair) => join(pair.folder, 'server', 'tokens.json');
    const same = () =>
      until(
        () => existsSync(folderOf(two)) && readFileSync(folderOf(two), 'utf8') === readFileSync(folderOf(one), 'utf8'),
      );
    assert.equal((await one.serverCommand('token', 'add', 'web-01')).code, 0);
    await same();
    assert.match((await two.serverCommand('token', 'list')).output, /web-01/);
    assert.equal((await two.serverCommand('token', 'revoke', 'web-01')).code, 0);
    await until(async () => /web-01.*revoked/.test((await one.serverCommand('token', 'list')).output));
  });

  test('PostgreSQL goes away and comes back: servers say what they wait for, and nothing is lost or doubled', async () => {
    postgres.stop();
    const agent = new Agent(id(5)).add(8);
    const sent = agent.send(one.port);
    const ready = async (pair: Pair) => (await fetch(`http://127.0.0.1:${pair.httpPort}/readyz`)).status;
    await until(async () => (await ready(one)) === 503);
    assert.equal(agent.acknowledged, 0);
    postgres.resume();
    await sent;
    assert.equal(agent.acknowledged, 8);
    await agree(45);
    await until(async () => (await ready(one)) === 200);
  });

  test('a server that is killed catches up, and one that starts from nothing builds the same', async () => {
    await first.end('SIGKILL');
    await new Agent(id(6)).add(6).send(two.port);
    first = await one.serving(store());
    await agree(51);
    const third = await Pair.make();
    try {
      await third.serving(store());
      await until(async () => (await stored(third)) === 51);
      await until(async () => (await ids(third)) === (await ids(two)));
      const counts = (pair: Pair) =>
        pair.api<{ hosts: object[] }>('/api/hosts').then(({ hosts }) => JSON.stringify(hosts));
      await until(async () => (await counts(third)) === (await counts(two)));
    } finally {
      await third.close();
    }
  });

  test('a folder of an embedded store is refused with one line and exit code 2', async () => {
    const other = await Pair.make();
    try {
      const embedded = await other.serving();
      await new Agent(id(7)).add(1).send(other.port);
      await embedded.end('SIGTERM');
      const refused = other.server(store());
      assert.equal(await refused.ended, 2);
      assert.match(
        refused.output,
        /ALPHASERVER_STORE cannot be used with this ALPHASERVER_DATA: the folder holds an embedded store/,
      );
      const wrong = other.server({
        ALPHASERVER_DATA: join(other.folder, 'new'),
        ALPHASERVER_STORE: postgres.url.replace('/postgres', '/nowhere'),
      });
      assert.equal(await wrong.ended, 2);
      assert.match(
        wrong.output,
        /ALPHASERVER_STORE cannot be used: postgres:\/\/127\.0\.0\.1:\d+\/nowhere: database "nowhere" does not exist/,
      );
    } finally {
      await other.close();
    }
  });

  test('SIGTERM ends both in good order', async () => {
    assert.equal(await first.end('SIGTERM'), 0);
    assert.equal(await second.end('SIGTERM'), 0);
  });
});
