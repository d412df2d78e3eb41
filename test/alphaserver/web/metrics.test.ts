/** GET /metrics of a real server that real sockets talk to. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DEFAULT_SETTINGS } from '../../../alphaserver/alert-config/settings.ts';
import { readServerConfig } from '../../../alphaserver/config.ts';
import { FAMILIES, HOST_SERIES_LIMIT } from '../../../alphaserver/metrics/families.ts';
import { type Serving, serve } from '../../../alphaserver/server.ts';
import { Metrics } from '../../../alphaserver/web/metrics.ts';
import { createLogger } from '../../../service/logger.ts';
import { seriesIn, valueIn } from '../../exposition.ts';
import { until } from '../../until.ts';

const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
const AT = '2026-11-23T19:46:01.123Z';
type Line = Record<string, unknown>;

describe('GET /metrics', () => {
  let folder: string;
  let serving: Serving | null = null;
  const sockets: Socket[] = [];

  const start = async (more: Record<string, string> = {}, rules = DEFAULT_SETTINGS): Promise<void> => {
    const config = readServerConfig({
      ALPHASERVER_LISTEN: 'tcp://127.0.0.1:0',
      ALPHASERVER_HTTP: 'http://127.0.0.1:0',
      ALPHASERVER_DATA: folder,
      ALPHASERVER_ANONYMOUS: 'true',
      ...more,
    });
    serving = await serve(config, createLogger({ level: 'silent', format: 'plain' }), rules);
  };
  const stop = async (): Promise<void> => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await serving?.stop();
    serving = null;
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'asgard-metrics-'));
  });
  afterEach(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const metrics = async (): Promise<string> => (await fetch(`${serving?.page}/metrics`)).text();
  /** Sends a hello and lines, and waits until all that has a `seq` is acknowledged; the connection stays. */
  const send = async (lines: readonly Line[], hello: Line = {}): Promise<void> => {
    const socket = connect(serving?.port ?? 0, '127.0.0.1');
    sockets.push(socket);
    let received = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      received += text;
    });
    const first = { type: 'hello', version: 1, agent: AGENT, host: 'web', ...hello };
    for (const line of [first, ...lines]) socket.write(`${JSON.stringify(line)}\n`);
    const last = Math.max(...lines.map((line) => Number(line['seq'] ?? 0)));
    await until(() => received.includes(last > 0 ? `{"type":"ack","seq":${last}}` : '"welcome"'));
  };
  const event = (seq: number, more: Line = {}): Line => ({
    type: 'event',
    seq,
    at: AT,
    outcome: 'failed',
    method: 'password',
    user: 'root',
    ip: '192.0.2.1',
    ...more,
  });

  it('has every family, whatever happened so far', async () => {
    await start();
    const text = await metrics();
    for (const [name, { type, help }] of Object.entries(FAMILIES)) {
      assert.ok(text.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`), name);
    }
    assert.equal(valueIn(text, 'asgard_ready'), 1);
    assert.equal(valueIn(text, 'asgard_store_readable'), 1);
    assert.equal(valueIn(text, 'asgard_attempts_total', { outcome: 'failed' }), 0);
    assert.ok((valueIn(text, 'process_resident_memory_bytes') ?? 0) > 1e6);
    assert.ok((valueIn(text, 'process_open_fds') ?? 0) > 5);
  });

  it('counts what was stored, once, by host and outcome', async () => {
    await start();
    const report = {
      state: 'behind',
      behindBytes: 9,
      sentSeq: 12,
      waiting: 5,
      linesRead: 90,
      linesUnknown: 8,
      linesForged: 7,
      declaredLost: 6,
    };
    await send([
      event(1),
      event(2, { outcome: 'accepted' }),
      event(1),
      event(3, { outcome: 'probe', method: null }),
      event(5, { host: 'relayed', at: new Date(Date.now() + 3_600_000).toISOString() }),
      { type: 'ping', report },
    ]);
    await until(async () => valueIn(await metrics(), 'asgard_ledger_log_lines_read_total') === 90);
    const text = await metrics();
    const expected: [name: string, value: number, labels?: Record<string, string>][] = [
      ['asgard_attempts_total', 2, { outcome: 'failed' }],
      ['asgard_attempts_total', 1, { outcome: 'accepted' }],
      ['asgard_host_attempts_total', 1, { host: 'web', outcome: 'failed' }],
      ['asgard_host_attempts_total', 1, { host: 'relayed', outcome: 'failed' }],
      ['asgard_probes_total', 1],
      ['asgard_host_probes_total', 1, { host: 'web' }],
      ['asgard_hosts', 2],
      ['asgard_ledger_events_sent_total', 12],
      ['asgard_ledger_events_stored_total', 4],
      ['asgard_ledger_events_repeated_total', 1],
      ['asgard_ledger_events_missing_total', 1],
      ['asgard_host_events_missing_total', 1, { host: 'web' }],
      ['asgard_ledger_events_waiting', 7],
      ['asgard_ledger_log_bytes_behind', 9],
      ['asgard_ledger_log_lines_unknown_total', 8],
      ['asgard_ledger_log_lines_forged_total', 7],
      ['asgard_ledger_log_lines_lost_total', 6],
      ['asgard_agents_connected', 1],
      ['asgard_agents_silent', 0],
      ['asgard_ledger_agents', 1, { state: 'behind' }],
      ['asgard_host_agent_connected', 1, { host: 'web' }],
      ['asgard_connections', 1],
      ['asgard_store_events', 4],
      ['asgard_store_unrolled_events', 4],
      ['asgard_ingest_waiting_events', 0],
      ['asgard_event_delay_seconds_count', 4],
      // The clock of one host ran ahead.
      ['asgard_event_delay_seconds_bucket', 1, { le: '0.01' }],
      ['asgard_host_series_left_out', 0],
    ];
    for (const [name, value, labels] of expected) assert.equal(valueIn(text, name, labels), value, name);
    assert.ok((valueIn(text, 'asgard_commit_duration_seconds_count') ?? 0) >= 1);
    assert.ok((valueIn(text, 'asgard_ingest_duration_seconds_count') ?? 0) >= 1);
    assert.ok((valueIn(text, 'asgard_received_bytes_total') ?? 0) > 500);
    assert.ok((valueIn(text, 'asgard_store_size_bytes') ?? 0) > 4_096);
    assert.ok((valueIn(text, 'asgard_store_free_bytes') ?? 0) > 0);
  });

  it('goes on counting stored facts after a restart, and knows who has gone', async () => {
    await start();
    await send([event(1), event(2)]);
    await stop();
    await start();
    const text = await metrics();
    assert.equal(valueIn(text, 'asgard_attempts_total', { outcome: 'failed' }), 2);
    assert.equal(valueIn(text, 'asgard_ledger_events_stored_total'), 2);
    assert.equal(valueIn(text, 'asgard_agents_connected'), 0);
    assert.equal(valueIn(text, 'asgard_host_agent_connected', { host: 'web' }), 0);
  });

  it('counts alerts that are open, and all that ever opened, also after a restart', async () => {
    await start();
    const at = new Date().toISOString();
    await send([event(1, { at, outcome: 'accepted' })]);
    const labels = { rule: 'root-password', severity: 'critical' };
    await until(async () => valueIn(await metrics(), 'asgard_alerts_open', labels) === 1);
    assert.equal(valueIn(await metrics(), 'asgard_alerts_opened_total', labels), 1);
    await until(async () => valueIn(await metrics(), 'asgard_alerts_lag_seconds') === 0);
    await stop();
    await start();
    assert.equal(valueIn(await metrics(), 'asgard_alerts_opened_total', labels), 1);
  });

  it('counts what channels were notified of, and what they did not take', async () => {
    let status = 503;
    const receiver = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(status).end());
    });
    await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done));
    try {
      const { port } = receiver.address() as { port: number };
      const channel = {
        type: 'webhook',
        url: `http://127.0.0.1:${port}/`,
        severity: 'notice',
        resolved: true,
      } as const;
      await start({}, { ...DEFAULT_SETTINGS, groupWaitMs: 0, channels: { chat: channel } });
      await send([event(1, { at: new Date().toISOString(), outcome: 'accepted' })]);
      const notices = async (outcome: string): Promise<number | undefined> =>
        valueIn(await metrics(), 'asgard_deliveries_total', { channel: 'chat', outcome });
      await until(async () => ((await notices('failed')) ?? 0) >= 1);
      assert.equal(await notices('delivered'), 0);
      assert.equal(valueIn(await metrics(), 'asgard_deliveries_waiting', { channel: 'chat' }), 1);
      status = 204;
      await until(async () => (await notices('delivered')) === 1);
      assert.equal(valueIn(await metrics(), 'asgard_deliveries_waiting', { channel: 'chat' }), 0);
    } finally {
      receiver.close();
    }
  });

  it('gives totals alone above the limit of hosts', async () => {
    await start();
    const events = Array.from({ length: HOST_SERIES_LIMIT }, (_, i) => event(i + 1, { host: `h${i}` }));
    await send(events);
    // Its own host is one more, and has had no attempt.
    const text = await metrics();
    assert.equal(valueIn(text, 'asgard_hosts'), HOST_SERIES_LIMIT + 1);
    assert.equal(valueIn(text, 'asgard_host_series_left_out'), 1);
    assert.equal(valueIn(text, 'asgard_attempts_total', { outcome: 'failed' }), HOST_SERIES_LIMIT);
    assert.deepEqual(
      seriesIn(text).filter(({ labels }) => 'host' in labels),
      [],
    );
  });

  it('shows a hostile host name as text, and nothing of users and addresses', async () => {
    await start();
    const host = 'evil"}1\\n#<b>{host';
    await send([event(1, { host, user: 'mallory', ip: '203.0.113.7' })]);
    const text = await metrics();
    assert.equal(
      valueIn(text, 'asgard_host_attempts_total', {
        host,
        outcome: 'failed',
      }),
      1,
    );
    assert.doesNotMatch(text, /mallory|203\.0\.113/);
  });

  it('asks for the password as everything else but the health checks', async () => {
    await start({ ALPHASERVER_HTTP_PASSWORD: 'secret' });
    assert.equal((await fetch(`${serving?.page}/metrics`)).status, 401);
    assert.equal((await fetch(`${serving?.page}/healthz`)).status, 200);
    const authorization = `Basic ${Buffer.from('prometheus:secret').toString('base64')}`;
    const response = await fetch(`${serving?.page}/metrics`, { headers: { authorization } });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  });
});

it('one scrape is made for all who ask at the same time, and a failed one leaves the next alone', async () => {
  const metrics = new Metrics();
  let asked = 0;
  const figures = async (): Promise<never> => {
    asked += 1;
    throw new Error('no figures');
  };
  const both = await Promise.allSettled([metrics.text(figures), metrics.text(figures)]);
  assert.deepEqual(
    both.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  assert.equal(asked, 1);
  await assert.rejects(metrics.text(figures));
  assert.equal(asked, 2);
});
