/** The page of a fleet with more hosts than a list of the API has: its own modules, and a real server. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { WatchedHost } from '../../../../alphaserver/queries/results.ts';
import { HOSTS_ASKED, loadBoard } from '../../../../alphaserver/web/page/load-board.js';
import { sought } from '../../../../alphaserver/web/page/search.js';
import { verdictOf } from '../../../../alphaserver/web/page/verdict.js';
import { viewOf } from '../../../../alphaserver/web/page/view.js';
import { AgentByHand } from '../../../e2e/agent-by-hand.ts';
import { until } from '../../../until.ts';
import { CAUGHT_UP } from '../../../wire-messages.ts';
import { Served } from '../served.ts';

/** The most hosts that the page can ask for at once. */
const LISTED = 1_000;
/** Hosts whose names come after all others', so that no list of the first ones has them. */
const LAST = ['z-db.example.net', 'z-mail.a.example', 'z-mail.b.example', 'z-web'].concat(
  Array.from({ length: HOSTS_ASKED }, (_, i) => `zz-${i}`),
);

type Verdict = ReturnType<typeof verdictOf>;
type Unseen = Parameters<Parameters<typeof loadBoard>[1]['blind']>[0];
type Shown = { readonly verdict: Verdict; readonly rows: readonly string[]; readonly total: number };

describe('the page of a fleet with more hosts than it can ask for at once', () => {
  const served = new Served();
  const ownFetch = globalThis.fetch;
  let agent: Socket | null = null;

  before(async () => {
    await served.open();
    const hosts = [...Array.from({ length: LISTED }, (_, i) => `web-${i}`), ...LAST];
    // Probes that name no user: no rule has work with them.
    const event = { outcome: 'probe', method: null, user: null, invalidUser: false, port: 1 };
    const at = new Date().toISOString();
    const tried = { ...event, outcome: 'failed', method: 'password', user: 'admin', at, ip: '192.0.2.2' };
    await served.store(
      [
        ...hosts.map((host) => ({ ...event, at, host, ip: '192.0.2.1' })),
        ...['web-1', 'z-web', 'z-db.example.net'].map((host) => ({ ...tried, host })),
      ],
      'web-0',
    );
    globalThis.fetch = (path, options) => ownFetch(new URL(String(path), served.page), options);
  });
  after(async () => {
    globalThis.fetch = ownFetch;
    agent?.destroy();
    await served.close();
  });

  /** Loads the board of a view; gives the answer, and the hosts that its table has. */
  async function shown(query: string, blind: (part: Unseen) => void = () => {}): Promise<Shown> {
    const view = viewOf(new URLSearchParams(query), Date.now());
    let verdict: Verdict | null = null;
    let rows: readonly string[] = [];
    let total = 0;
    const nothing = (): void => {};
    const others = { timeline: nothing, about: nothing, sources: nothing, users: nothing, blind };
    await loadBoard(
      view,
      {
        ...{ ...others, sessions: nothing, faults: nothing, cut: nothing },
        answer: (part) => {
          verdict = verdictOf(part, view, Date.now());
        },
        hosts: (part) => {
          rows = part.hosts.map(({ host }) => host);
          ({ total } = part);
        },
      },
      new AbortController().signal,
    );
    assert.ok(verdict !== null);
    return { verdict, rows, total };
  }

  it('names all hosts that nobody watches, those too that come after the first by name', async () => {
    const { verdict, rows, total } = await shown('');
    const names = new Set(verdict.blind.map(({ host }) => host));
    for (const host of LAST) assert.ok(names.has(host) && rows.includes(host), host);
    assert.deepEqual(
      [names.size, verdict.unlisted, total],
      [LISTED + LAST.length, { blind: 0, late: 0 }, LISTED + LAST.length],
    );
  });

  it('asks for those alone that nobody watches, once, and says how many there are that it does not name', async () => {
    const { body } = await served.ask<{ hosts: WatchedHost[] }>('/api/hosts?limit=1');
    const [one] = body.hosts;
    const watched = Array.from({ length: LISTED }, () => ({ ...one, coverage: 'live' }));
    const serverFetch = globalThis.fetch;
    const asked: string[] = [];
    globalThis.fetch = async (path, options) => {
      if (!String(path).startsWith('/api/hosts?')) return serverFetch(path, options);
      asked.push(String(path));
      const isFiltered = String(path).includes('coverage=');
      return Response.json({ hosts: isFiltered ? [one] : watched, next: 'more' });
    };
    try {
      const { verdict, rows, total } = await shown('');
      assert.deepEqual(asked, ['/api/hosts?limit=1000', '/api/hosts?coverage=blind&limit=1000&cursor=more']);
      assert.deepEqual(
        [verdict.blind.length, verdict.unlisted, total],
        [1, { blind: LISTED + LAST.length - 1, late: 0 }, LISTED + LAST.length],
      );
      assert.equal(rows.length, LISTED + 1);
    } finally {
      globalThis.fetch = serverFetch;
    }
  });

  it('shows a host that the list does not have, whether it is watched, and names it where it is not', async () => {
    const { verdict: away, rows } = await shown('host=z-web');
    assert.deepEqual(rows, ['z-web']);
    assert.equal(away.title, 'Not watched');
    assert.deepEqual(
      away.blind.map(({ host }) => host),
      ['z-web'],
    );
    agent = served.connected('web-0');
    await until(async () => (await served.ask<{ watched: WatchedHost }>('/api/hosts/z-web')).body.watched.connected);
    const { verdict: unreported } = await shown('host=z-web');
    assert.deepEqual([unreported.title, unreported.blind.length], ['Not up to date', 0]);
    assert.deepEqual(unreported.late, [{ host: 'z-web', words: 'connected, no report yet' }]);
    agent.write(`${JSON.stringify({ type: 'ping', report: CAUGHT_UP, shapes: [], gaps: [] })}\n`);
    await until(async () => (await shown('host=z-web')).verdict.title === 'No incident here');
    const { verdict: back } = await shown('host=z-web');
    assert.deepEqual([back.blind, back.late], [[], []]);
  });

  it('shows it beside another filter, too', async () => {
    const { verdict, rows } = await shown('host=z-web&ip=192.0.2.1');
    assert.notEqual(verdict.state, 'nothing', verdict.title);
    assert.deepEqual(rows, ['z-web']);
  });

  it('has the hosts that a source or a user came to in the table, whether the list has them or not', async () => {
    assert.deepEqual((await shown('ip=192.0.2.2')).rows.toSorted(), ['web-1', 'z-db.example.net', 'z-web']);
    // A source that came to all of them: only so many are asked for one by one.
    assert.equal((await shown('ip=192.0.2.1')).rows.length, LISTED + HOSTS_ASKED);
  });

  it('has what a host’s agent did not see, however many others have newer gaps or the same shape', async () => {
    const at = new Date().toISOString();
    const reports = async (host: string, ids: readonly number[]): Promise<AgentByHand> => {
      const one = await AgentByHand.of(host, served.port);
      one.reports(
        {},
        {
          shapes: ['odd <n>', ...(ids.length > 1 ? ['odder <n>'] : [])].map((shape) => ({
            ...{ shape, count: 1_000 * ids.length, sample: 'odd 1', firstAt: at, lastAt: at },
          })),
          gaps: ids.map((id) => ({ id, at, kind: 'rotated-away', text: 'gone', bytes: 1, lines: null })),
        },
      );
      await one.events({ outcome: 'failed', ip: '192.0.2.3' });
      return one;
    };
    const agents = [await reports('z-web', [1])];
    for (let other = 1; other <= 21; other++) agents.push(await reports(`web-${other}`, [1, 2, 3, 4, 5]));
    const unseen = async (query: string): Promise<Unseen> => {
      let found: Unseen | null = null;
      await shown(query, (part) => {
        found = part;
      });
      assert.ok(found !== null);
      return found;
    };
    // What others asked before is given again for a while where it took long.
    const hosts = ({ gaps }: Unseen): string[] => gaps.map(({ host }) => host);
    const shapes = (found: Unseen): unknown[] => found.shapes.map(({ shape, agents }) => [shape, agents]);
    let own = await unseen('host=z-web');
    await until(
      async () => {
        own = await unseen('host=z-web');
        return isDeepStrictEqual([hosts(own), shapes(own)], [['z-web'], [['odd <n>', agents.length]]]);
      },
      () => JSON.stringify(own),
    );
    assert.equal(own.more, false);
    let all = own;
    await until(
      async () => {
        all = await unseen('');
        return all.more;
      },
      () => JSON.stringify(all),
    );
    assert.ok(!hosts(all).includes('z-web'));
    for (const one of agents) await one.leaves();
  });

  it('still says that nothing is known of a host that there is not', async () => {
    assert.equal((await shown('host=z-none')).verdict.title, 'Nothing is known of this host');
  });

  it('finds such a host by its name or its first part, before it takes a name for a user’s', async () => {
    const hosts = (await served.ask<{ hosts: { host: string }[] }>('/api/hosts?limit=1000')).body.hosts;
    const known = { hosts: hosts.map(({ host }) => host), allHosts: false };
    assert.equal(known.hosts.includes('z-web'), false);
    for (const [typed, meant] of [
      ['z-web', { host: 'z-web' }],
      [' z-web ', { host: 'z-web' }],
      ['z-db', { host: 'z-db.example.net' }],
      ['z-db.example.net', { host: 'z-db.example.net' }],
      ['z-mail', { user: 'z-mail' }],
      ['root', { user: 'root' }],
      ['user:z-web', { user: 'z-web' }],
      ['..', { user: '..' }],
      ['no host', { user: 'no host' }],
      ['x'.repeat(300), { user: 'x'.repeat(300) }],
      ['web-1', { host: 'web-1' }],
    ] as const)
      assert.deepEqual(await sought(typed, known), meant, typed);
  });

  it('asks for no host by name where the page knows all', async () => {
    assert.deepEqual(await sought('z-web', { hosts: ['web-1'], allHosts: true }), { user: 'z-web' });
  });
});
