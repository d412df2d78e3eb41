/** A network that swallows every packet without a word: both sides notice, and all that happened meanwhile comes. Needs root. */
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { has, lacking, output, works } from './machine.ts';

const NAMESPACE = 'asgard-half-open';
const [OURS, THEIRS] = ['169.254.213.1', '169.254.213.2'];
const inside = ['ip', 'netns', 'exec', NAMESPACE];
const needs = { root: process.getuid?.() === 0, ip: has('ip'), nft: has('nft') };

describe('a half-open connection', { skip: lacking('a network that swallows packets', needs) }, () => {
  let pair: Pair;

  before(async () => {
    works('ip', 'netns', 'delete', NAMESPACE);
    output('ip', 'netns', 'add', NAMESPACE);
    output('ip', 'link', 'add', 'asgard-ho', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', NAMESPACE);
    output('ip', 'addr', 'add', `${OURS}/30`, 'dev', 'asgard-ho');
    output('ip', 'link', 'set', 'asgard-ho', 'up');
    output('ip', '-n', NAMESPACE, 'addr', 'add', `${THEIRS}/30`, 'dev', 'eth0');
    output('ip', '-n', NAMESPACE, 'link', 'set', 'eth0', 'up');
    pair = await Pair.make();
  });
  after(async () => {
    await pair.close();
    works('ip', 'netns', 'delete', NAMESPACE);
    works('ip', 'link', 'delete', 'asgard-ho');
  });

  const nft = (command: string): string => output('ip', 'netns', 'exec', NAMESPACE, 'nft', command);

  it('is noticed by both sides within 75 s; after 90 s the agent is shown as silent; then nothing is missing', async () => {
    const server = await pair.serving({ ALPHASERVER_LISTEN: `tcp://${OURS}:${pair.port}` });
    const agent = pair.agent({ ALPHACLIENT_SERVER: `tcp://${OURS}:${pair.port}` }, inside);
    let written = 0;
    const attempt = (): void => {
      written += 1;
      appendFileSync(pair.logFile, `Failed password for u${written} from 192.0.2.7 port ${1_024 + written} ssh2\r\n`);
    };
    const host = async (): Promise<{ connected: boolean; state: string; attempts: number } | undefined> =>
      (await pair.api<{ hosts: { connected: boolean; state: string; attempts: number }[] }>('/api/hosts')).hosts[0];
    attempt();
    await server.says('box had 1 attempt');
    await until(async () => (await host())?.state === 'caught up');
    // TCP's own keep-alive stands beside the heartbeat, on both ends.
    assert.match(output('ip', 'netns', 'exec', NAMESPACE, 'ss', '-tnoH'), /keepalive/);
    assert.match(output('ss', '-tnoH', 'src', OURS), /keepalive/);

    nft('add table inet swallow');
    nft('add chain inet swallow in { type filter hook input priority 0; policy drop; }');
    nft('add chain inet swallow out { type filter hook output priority 0; policy drop; }');
    const begunMs = Date.now();
    attempt();
    assert.equal((await host())?.connected, true, 'nobody can know yet');
    // The heartbeat after 45 s; on the server's end TCP's keep-alive may be a little earlier.
    await until(
      () =>
        agent.output.includes('the server sent nothing for 45 s') &&
        /^Connection 169\.254\.213\.2:\d+ closed$/m.test(server.output),
      () => `${agent.output}\n${server.output}`,
      75_000,
    );
    await until(async () => (await host())?.connected === false);
    await until(async () => /^agent silent since /.test((await host())?.state ?? ''), undefined, 75_000);
    const sinceMs = Date.parse(((await host())?.state ?? '').replace('agent silent since ', ''));
    // A ping comes every 15 s, and somewhat later on a busy machine.
    assert.ok(Math.abs(sinceMs - begunMs) < 30_000, 'since it was last heard');

    attempt();
    nft('delete table inet swallow');
    await until(async () => (await host())?.attempts === written, undefined, 60_000);
    await until(async () => (await host())?.state === 'caught up');
    const users = (await pair.events()).map(({ user }) => user);
    assert.deepEqual(users.sort(), ['u1', 'u2', 'u3']);
  });
});
