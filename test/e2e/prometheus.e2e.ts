/**
 * Debian's own Prometheus over a running server: what it scrapes by the configuration in docs/operations.md is what was
 * done, the rules load and come to values, the dashboard's questions have answers, and promtool finds nothing to blame.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { freePort } from '../free-port.ts';
import { Pair, Program } from '../programs.ts';
import { until } from '../until.ts';
import { has, lacking, outcome } from './machine.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const RULES = join(ROOT, 'docs', 'prometheus-rules.yml');
const PASSWORD = 'open sesame';
const skip = lacking('Prometheus', { prometheus: has('prometheus'), promtool: has('promtool') });

/** What needs a fleet in trouble, many hosts, or channels, to have an answer. */
const NEEDS_TROUBLE = /asgard_alerts_|asgard_deliveries_|agent_connected.* == 0$|host_log_lines_unknown/;

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [at: number, value: string];
}

describe('Prometheus', { skip }, () => {
  let pair: Pair;
  let server: Program;
  let prometheus: Program;
  let port: number;
  let token = '';

  /** The configuration of docs/operations.md, with this server's address and a token of the scope `metrics`, scraped each second. */
  const configuration = (): string => {
    const [, block = ''] =
      /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'docs', 'operations.md'), 'utf8')) ?? [];
    const scrape = block
      .replace('127.0.0.1:8080', `127.0.0.1:${pair.httpPort}`)
      .replace(/credentials: .*/, `credentials: ${token}`)
      .replace('scrape_interval: 15s', 'scrape_interval: 1s');
    assert.notEqual(scrape, block);
    return `global:\n  evaluation_interval: 1s\nrule_files: [${RULES}]\n${scrape}`;
  };
  const attempt = (user: string, accepted: boolean): string =>
    `Nov 24 12:00:00 box sshd[${user.length}]: ${accepted ? 'Accepted' : 'Failed'} password for ${user} from 192.0.2.7 port 4711 ssh2\n`;

  before(async () => {
    pair = await Pair.make();
    port = await freePort();
    writeFileSync(pair.logFile, '');
    const added = await pair.serverCommand('token', 'add', 'prometheus', '--scope', 'metrics');
    token = added.output.trim().split('\n').at(-1) ?? '';
    server = pair.server({ ALPHASERVER_HTTP_PASSWORD: PASSWORD });
    await server.says('Socket now listening');
    pair.agent();
    await server.says('Received connection');
    const folder = join(pair.folder, 'prometheus');
    mkdirSync(folder);
    writeFileSync(join(folder, 'prometheus.yml'), configuration());
    prometheus = new Program(null, {}, [
      'prometheus',
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
  });
  after(async () => {
    await prometheus.end('SIGKILL');
    await pair.close();
  });

  const api = async <T>(path: string, parameters: Record<string, string> = {}): Promise<T> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const answer = (await response.json()) as { status: string; error?: string; data: T };
    assert.equal(answer.status, 'success', answer.error);
    return answer.data;
  };
  const query = async (expression: string): Promise<readonly Sample[]> =>
    (await api<{ result: readonly Sample[] }>('query', { query: expression })).result;
  const value = async (expression: string): Promise<number | undefined> => {
    const [sample] = await query(expression);
    return sample && Number(sample.value[1]);
  };
  /** Waits until a question has this answer. */
  const answers = (expression: string, wanted: number): Promise<void> => {
    let last: number | undefined;
    return until(
      async () => {
        last = await value(expression).catch(() => undefined);
        return last === wanted;
      },
      () => `${expression} is ${last}, not ${wanted}\n${prometheus.output.slice(-2_000)}`,
      60_000,
    );
  };

  it('scrapes the server, password and all', async () => {
    await answers('up{job="asgard"}', 1);
    await answers('asgard_ready', 1);
    await answers('asgard_agents_connected', 1);
  });

  it('has the attempts that were made, by host and outcome, and no series twice', async () => {
    for (let i = 0; i < 7; i += 1) appendFileSync(pair.logFile, attempt(`user${i}`, false));
    appendFileSync(pair.logFile, attempt('ada', true));
    await answers('sum(asgard_attempts_total{outcome="failed"})', 7);
    await answers('sum(asgard_attempts_total{outcome="accepted"})', 1);
    await answers('asgard_host_attempts_total{host="box", outcome="failed"}', 7);
    await answers('asgard_event_delay_seconds_count', 8);
    assert.doesNotMatch(prometheus.output, /duplicate|out of order/i);
  });

  it('loads the rules, and they come to values', async () => {
    const { groups } = await api<{
      groups: { rules: { name: string; type: string; health: string; lastError?: string }[] }[];
    }>('rules');
    const rules = groups.flatMap((group) => group.rules);
    assert.equal(rules.length, (readFileSync(RULES, 'utf8').match(/^ {6}- (alert|record):/gm) ?? []).length);
    await until(async () => {
      const again = await api<{ groups: typeof groups }>('rules');
      return again.groups.every((group) => group.rules.every(({ health }) => health === 'ok'));
    });
    await until(async () => (await query('asgard:attempts:rate5m{outcome="failed"}')).length === 1);
    // A machine that is well but for its one host: nothing of the server is wrong.
    assert.deepEqual(
      await query('ALERTS{alertname=~"AsgardDown|AsgardNotStoring|AsgardNobodyLooks", alertstate="firing"}'),
      [],
    );
  });

  it('takes every question of the dashboard', async () => {
    const { panels } = JSON.parse(readFileSync(join(ROOT, 'docs', 'grafana-dashboard.json'), 'utf8')) as {
      panels: { title: string; targets?: { expr: string }[] }[];
    };
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    assert.ok(expressions.length > 40);
    for (const expression of expressions) {
      const filled = expression
        .replaceAll('$__rate_interval', '1m')
        .replaceAll('$__range', '1h')
        .replace(/\$(instance|job|host)/g, '.*');
      if (NEEDS_TROUBLE.test(expression)) await query(filled);
      // A rate needs two samples: one that came late leaves a moment without.
      else
        await until(
          async () => (await query(filled)).length > 0,
          () => `an answer to ${filled}`,
        );
    }
  });

  it('finds a server that is gone, and its counters where they were when it is back', async () => {
    await server.end('SIGTERM');
    await answers('up{job="asgard"}', 0);
    server = pair.server({ ALPHASERVER_HTTP_PASSWORD: PASSWORD });
    await answers('up{job="asgard"}', 1);
    await answers('sum(asgard_attempts_total{outcome="failed"})', 7);
    assert.equal(await value('sum(resets(asgard_attempts_total[5m]))'), 0);
  });

  it('has nothing to blame in what the server says', async () => {
    const authorization = `Basic ${Buffer.from(`prometheus:${PASSWORD}`).toString('base64')}`;
    const page = await (
      await fetch(`http://127.0.0.1:${pair.httpPort}/metrics`, { headers: { authorization } })
    ).text();
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: page, encoding: 'utf8' });
    assert.equal(`${stdout}${stderr}`, '');
    assert.equal(status, 0);
  });
});

describe('promtool', { skip }, () => {
  for (const args of [
    ['check', 'rules', RULES],
    ['test', 'rules', join(ROOT, 'test', 'prometheus', 'rules-test.yml')],
  ])
    it(args.slice(0, 2).join(' '), () => {
      const { status, stdout, stderr } = outcome('promtool', args);
      assert.equal(status, 0, `${stdout}${stderr}`);
    });
});
