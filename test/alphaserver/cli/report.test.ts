/** `alphaserver report`: the page's answer, in a terminal or a pipe, beside a running server or without one. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual, stripVTControlCharacters } from 'node:util';
import { readServerConfig } from '../../../alphaserver/config.ts';
import type { Alert } from '../../../alphaserver/queries/alert-results.ts';
import { OfflineError, openOffline } from '../../../alphaserver/queries/offline.ts';
import type { Report } from '../../../alphaserver/report/report.ts';
import { reportText } from '../../../alphaserver/report/report-text.ts';
import { answerOf } from '../../../alphaserver/report/report-verdict.ts';
import { serve } from '../../../alphaserver/server.ts';
import { openStorage } from '../../../alphaserver/storage.ts';
import { createLogger } from '../../../service/logger.ts';
import { width } from '../../../service/terminal/display-width.ts';
import { Program } from '../../programs.ts';
import { until } from '../../until.ts';

const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
const AT = '2026-11-24T12:00:00.000Z';
const NONE = { attempts: 0, accepted: 0, failed: 0, probes: 0 };
const ESCAPE = '\u001b';

const alert = (more: Partial<Alert>): Alert => ({
  id: '1',
  rule: 'brute-force',
  severity: 'warning',
  host: 'web',
  source: '192.0.2.1',
  user: null,
  openedAt: AT,
  lastAt: AT,
  closedAt: null,
  count: 10,
  summary: '192.0.2.1 failed 10 times on web',
  evidence: [],
  late: false,
  trust: 'syslog',
  partOf: null,
  acknowledgedAt: null,
  acknowledgedBy: null,
  ...more,
});
const REPORT: Report = {
  at: AT,
  since: '2026-11-23T12:00:00.000Z',
  until: AT,
  summary: {
    state: 'quiet',
    why: null,
    doubt: null,
    asOf: { stored: AT, rules: AT },
    because: [],
    coverage: { live: 1, late: 0, blind: 0 },
    attempts: 4,
    accepted: 1,
    failed: 3,
    probes: 2,
    hosts: 1,
    sources: 1,
    users: 2,
  },
  hosts: [
    { host: 'web', state: 'caught up', coverage: 'live', lastSeen: AT, attempts: 4, accepted: 1, failed: 3, probes: 2 },
  ],
  sources: [
    {
      network: '192.0.2.1',
      addresses: 1,
      busiest: [],
      attempts: 4,
      accepted: 1,
      failed: 3,
      probes: 2,
      firstSeen: AT,
      lastSeen: AT,
      hosts: 1,
      users: 2,
    },
  ],
  users: [{ user: 'root', attempts: 4, accepted: 1, failed: 3, probes: 2, firstSeen: AT, lastSeen: AT }],
  unknown: [],
  gaps: [],
  ledger: {
    agents: 1,
    sent: 6,
    stored: 6,
    repeats: 0,
    gaps: 0,
    waiting: 0,
    declaredLost: 0,
    linesRead: 9,
    linesUnknown: 0,
    linesForged: 0,
    behindBytes: 0,
    states: { 'caught up': 1 },
  },
};
const firstLine = (report: Report): string => answerOf(report)[0]?.text ?? '';

describe('the answer', () => {
  it('is in the first line: quiet, under attack, someone got in', () => {
    assert.equal(firstLine(REPORT), 'All quiet: 1 login, 3 failed attempts and 2 probes in the last 24 h.');
    const attack = { ...REPORT, summary: { ...REPORT.summary, state: 'attack', because: [alert({})] } } as const;
    assert.equal(
      firstLine(attack),
      'Under attack: 1 incident going on; 1 login, 3 failed attempts and 2 probes in the last 24 h.',
    );
    const because = [alert({}), alert({ severity: 'critical', rule: 'break-in', summary: '192.0.2.1 got in on web' })];
    const breach = { ...REPORT, summary: { ...REPORT.summary, state: 'breach', because } } as const;
    const lines = answerOf(breach).map(({ text }) => text);
    assert.match(lines[0] ?? '', /^Someone got in: 1 critical incident to look at now, 1 more going on; /);
    assert.equal(lines[1], '  critical: 192.0.2.1 got in on web (break-in, 2026-11-24 12:00)');
    assert.equal(lines[2], '  warning: 192.0.2.1 failed 10 times on web (brute-force, 2026-11-24 12:00)');
  });

  it('says of a break-in that it rests on logs that can be forged, as long as no better log says so too', () => {
    const summary = `192.0.2.1 got in on ${'web-'.repeat(100)}1 (forgeable log)`;
    const forged = alert({ severity: 'critical', rule: 'break-in', evidence: [1], trust: 'forgeable', summary });
    const firstTwo = (because: readonly Alert[]): string[] =>
      answerOf({ ...REPORT, summary: { ...REPORT.summary, state: 'breach', because } } as const)
        .slice(0, 2)
        .map(({ text }) => text);
    const [first, second] = firstTwo([forged]);
    assert.match(first ?? '', /^Someone got in \(forgeable log\): 1 critical incident to look at now; /);
    assert.match(second ?? '', /… \(forgeable log\) \(break-in, /);
    assert.match(firstTwo([forged, { ...forged, trust: 'syslog' }])[0] ?? '', /^Someone got in: /);
    const rootsOnNoLog = { ...forged, rule: 'unlogged-session', evidence: [], trust: null } as const;
    assert.match(firstTwo([forged, rootsOnNoLog])[0] ?? '', /^Someone got in: /);
  });

  it('names a time of its own, and nothing where nothing was', () => {
    const past = { ...REPORT, until: '2026-11-24T00:00:00.000Z' };
    assert.match(firstLine(past), / from 2026-11-23 12:00 to 2026-11-24 00:00\.$/);
    const nothing = { ...REPORT, summary: { ...REPORT.summary, ...NONE } };
    assert.equal(firstLine(nothing), 'All quiet: nothing happened in the last 24 h.');
  });

  it('never says quiet of what nobody watches: it is unknown, and that stands first', () => {
    const silent = {
      ...(REPORT.hosts[0] as Report['hosts'][0]),
      state: 'agent silent since 2026-11-24T10:30:00.000Z',
      coverage: 'blind',
    } as const;
    const coverage = { live: 0, late: 0, blind: 1 };
    const summary = { ...REPORT.summary, state: 'unknown', why: 'No host is watched at the moment', coverage } as const;
    assert.deepEqual(
      answerOf({ ...REPORT, summary, hosts: [silent] }).map(({ text }) => text),
      [
        'Unknown: no host is watched at the moment; 1 login, 3 failed attempts and 2 probes in the last 24 h.',
        'No host is watched at the moment: web (agent silent since 2026-11-24 10:30).',
      ],
    );
    assert.deepEqual(
      answerOf({
        ...REPORT,
        ...{ summary: { ...summary, why: 'No agent is known' }, hosts: [] },
        ledger: { ...REPORT.ledger, agents: 0 },
      }).map(({ text }) => text),
      ['Unknown: no agent is known.'],
    );
    const hosts = [...Array(8).keys()].map((i) => ({ ...silent, host: `h${i}`, state: 'log missing' }));
    assert.equal(
      answerOf({ ...REPORT, hosts: [...hosts, ...REPORT.hosts] })[1]?.text,
      'Not watched at the moment: h0 (log missing), h1 (log missing), h2 (log missing), h3 (log missing), h4 (log missing) and 3 other hosts.',
    );
  });

  it('names the hosts whose logs are not read up to now, and says no more than that where all are so', () => {
    const [watched] = REPORT.hosts as [Report['hosts'][0]];
    const behind = { ...watched, host: 'db', state: 'behind by 5400000000 bytes', coverage: 'late' } as const;
    const blind = { ...watched, host: 'old', state: 'log missing', coverage: 'blind' } as const;
    const of = (hosts: Report['hosts'], summary = REPORT.summary) =>
      answerOf({ ...REPORT, summary, hosts }).map(({ text }) => text);
    assert.deepEqual(of([blind, behind, watched]).slice(1), [
      'Not watched at the moment: old (log missing).',
      'Not up to date: db (behind by 5400000000 bytes).',
    ]);
    const coverage = { live: 0, late: 1, blind: 0 };
    const unknown = { ...REPORT.summary, state: 'unknown', why: 'No host is up to date', coverage } as const;
    assert.deepEqual(of([behind], unknown), [
      'Unknown: no host is up to date; 1 login, 3 failed attempts and 2 probes in the last 24 h.',
      'No host is up to date: db (behind by 5400000000 bytes).',
    ]);
    const many = [...Array(8).keys()].map((i) => ({ ...behind, host: `h${i}`, state: 'starting' }));
    assert.match(
      of([...many, watched])[1] ?? '',
      /^Not up to date: h0 \(starting\), .*, h4 \(starting\) and 3 other hosts\.$/,
    );
  });
});

describe('the text', () => {
  it('calls the number of different hosts or users of a source an estimate where it is one', () => {
    const [source] = REPORT.sources as [Report['sources'][0]];
    const text = reportText(
      { ...REPORT, sources: [{ ...source, hosts: 1_311, users: 127 }] },
      { columns: undefined, colour: false },
    );
    assert.match(text, /^192\.0\.2\.1 .* about 1,311 +127 /m);
  });

  const HOSTILE = 'a\u001b[2J\u202e\u009bb"<b>';
  const full: Report = {
    ...REPORT,
    hosts: [...Array(25).keys()].map((i) => ({
      ...(REPORT.hosts[0] as Report['hosts'][0]),
      host: i === 0 ? HOSTILE : `a-host-with-quite-a-long-name-${i}.example.org`,
      state: 'behind by 123456789 bytes',
      failed: 1_234_567,
    })),
    sources: [
      {
        ...(REPORT.sources[0] as Report['sources'][0]),
        network: '2001:db8:1:2::/64',
        origin: { country: 'DE', network: null, asn: null, organization: null },
      },
    ],
    users: [
      { ...(REPORT.users[0] as Report['users'][0]), user: HOSTILE },
      { ...(REPORT.users[0] as Report['users'][0]), user: '' },
    ],
    unknown: [
      {
        shape: 's',
        count: 3,
        agents: 1,
        hosts: ['web'],
        sample: `${HOSTILE} ${'x'.repeat(200)}`,
        firstAt: null,
        lastAt: null,
      },
    ],
    gaps: [
      {
        id: 1,
        agent: 'a',
        host: HOSTILE,
        at: AT,
        kind: 'deleted',
        text: 'the log was deleted before it was read',
        bytes: 9,
        lines: null,
        events: null,
      },
    ],
    summary: {
      ...REPORT.summary,
      state: 'attack',
      because: [alert({ summary: `${HOSTILE} failed 10 times on web, db, mail and more` })],
    },
  };

  it('fits terminals of 40, 80 and 200 columns, and gives a pipe all the room it needs', () => {
    for (const columns of [40, 80, 200])
      for (const line of reportText(full, { columns, colour: false }).split('\n'))
        assert.ok(width(line) <= columns, `${columns}: ${line}`);
    assert.match(
      reportText(full, { columns: undefined, colour: false }),
      /a-host-with-quite-a-long-name-19\.example\.org/,
    );
    assert.match(reportText(full, { columns: 40, colour: false }), /^and 5 more hosts$/m);
  });

  it('shows what others chose as text, with nothing that steers a terminal', () => {
    const text = reportText(full, { columns: undefined, colour: true });
    assert.ok(text.includes('a\\u001b[2J\\u202e\\u009bb"<b>'));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
    assert.doesNotMatch(stripVTControlCharacters(text).replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f\u202e]/);
    assert.match(text, /^\(empty\) /m);
  });

  it('is coloured where colour is welcome alone', () => {
    assert.ok(reportText(REPORT, { columns: 80, colour: true }).startsWith(`${ESCAPE}[1m${ESCAPE}[32mAll quiet`));
    assert.ok(!reportText(full, { columns: 80, colour: false }).includes(ESCAPE));
  });
});

describe('the command', () => {
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'asgard-report-'));
    const store = openStorage(folder);
    const event = (seq: number, more: object) => ({
      seq,
      event: {
        at: AT,
        outcome: 'failed',
        method: 'password',
        user: 'root',
        invalidUser: false,
        ip: '2001:db8::1',
        port: 1,
        ...more,
      } as const,
    });
    const events = [
      event(1, {}),
      event(2, { ip: '2001:db8::2', user: 'a\u001b[2J\u202eb' }),
      event(3, { outcome: 'accepted', ip: '192.0.2.1' }),
      event(4, { at: '2026-11-20T00:00:00.000Z' }),
    ];
    await store.append([{ agent: AGENT, host: 'web', events }], Date.parse(AT));
    await store.close();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const run = async (args: readonly string[], more: Record<string, string> = {}) => {
    const program = new Program('alphaserver/main.ts', { ALPHASERVER_DATA: folder, ...more }, args);
    let error = '';
    program.child.stderr?.on('data', (text: Buffer) => {
      error += text;
    });
    return { code: await program.ended, output: program.output, error };
  };
  const SPAN = ['--since', '2026-11-24T00:00:00Z', '--until', '2026-11-25'];

  it('tells without a server what is in the store, without colour in a pipe', async () => {
    const { code, output } = await run(['report', ...SPAN]);
    assert.equal(code, 0, output);
    assert.match(
      output,
      /^Unknown: no rules have judged what is stored; 1 login and 2 failed attempts from 2026-11-24 00:00 to 2026-11-25 00:00\.\n/,
    );
    assert.match(output, /^No host is watched at the moment: web \(agent silent since 2026-11-24 12:00\)\.$/m);
    assert.match(output, /^2001:db8::\/64 +2 +0 +2 +0 +1 +2 /m);
    assert.match(output, /^a\\u001b\[2J\\u202eb +1 /m);
    assert.ok(!output.includes(ESCAPE));
  });

  it('colours a pipe where FORCE_COLOR asks for it, and takes its width from COLUMNS', async () => {
    const { output } = await run(['report', ...SPAN], { FORCE_COLOR: '1', COLUMNS: '40' });
    assert.ok(output.startsWith(`${ESCAPE}[1m${ESCAPE}[33mUnknown`));
    for (const line of stripVTControlCharacters(output).split('\n')) assert.ok(width(line) <= 40, line);
    assert.ok(!(await run(['report', ...SPAN], { FORCE_COLOR: '0' })).output.includes(ESCAPE));
  });

  it('gives the very answer of the API, beside the running server', async () => {
    const own = mkdtempSync(join(tmpdir(), 'asgard-report-'));
    const store = openStorage(own);
    const at = new Date().toISOString();
    const events = Array.from({ length: 12 }, (_, i) => ({
      seq: i + 1,
      event: {
        at,
        outcome: i < 11 ? 'failed' : 'accepted',
        method: 'password',
        user: i === 0 ? 'a\u001b[2J\u202eb' : 'root',
        invalidUser: false,
        ip: '192.0.2.1',
        port: 1,
      } as const,
    }));
    await store.append([{ agent: AGENT, host: 'web', events }], Date.now());
    await store.close();
    const config = readServerConfig({
      ALPHASERVER_LISTEN: 'tcp://127.0.0.1:0',
      ALPHASERVER_HTTP: 'http://127.0.0.1:0',
      ALPHASERVER_DATA: own,
      ALPHASERVER_ANONYMOUS: 'true',
    });
    const serving = await serve(config, createLogger({ level: 'silent', format: 'plain' }));
    try {
      const api = async <T>(path: string): Promise<T> => (await fetch(`${serving.page}${path}`)).json() as Promise<T>;
      const span = 'since=2026-01-01&until=2100-01-01';
      await until(async () => (await api<Report['summary']>(`/api/summary?${span}`)).state === 'breach');
      const read = async (): Promise<Report> => {
        const { code, output } = await run(['report', '--json', '--since', '2026-01-01', '--until', '2100-01-01'], {
          ALPHASERVER_DATA: own,
        });
        assert.equal(code, 0, output);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
        assert.doesNotMatch(output.trimEnd(), /[\u0000-\u001f\u007f-\u009f\u202e]/);
        return JSON.parse(output) as Report;
      };
      let report = REPORT;
      let { summary } = REPORT;
      // The rules may go on between the two, and the server gives an expensive summary again for a while. Who is connected is not
      // known beside the server.
      await until(
        async () => {
          report = await read();
          summary = await api<Report['summary']>(`/api/summary?${span}`);
          return isDeepStrictEqual(report.summary, { ...summary, coverage: report.summary.coverage });
        },
        () => `the same summary: ${JSON.stringify([report.summary, summary])}`,
      );
      assert.deepEqual(summary.coverage, { live: 0, late: 0, blind: 1 });
      assert.deepEqual({ users: report.users, error: 0 }, await api(`/api/top/users?${span}`));
      const { hosts } = await api<{ hosts: { host: string; state: string }[] }>('/api/hosts');
      assert.deepEqual(
        report.hosts.map(({ host, state }) => [host, state]),
        hosts.map(({ host, state }) => [host, state]),
      );
      const text = await run(['report'], { ALPHASERVER_DATA: own });
      assert.match(text.output, /^Someone got in: \d critical incidents? to look at now/);
      assert.match(text.output, /^ {2}critical: 192\.0\.2\.1 got in on web as root .*\(break-in, /m);
    } finally {
      await serving.stop();
      rmSync(own, { recursive: true, force: true });
    }
  });

  it('ends with 2 and one line for what it does not know, with 1 where it can read nothing', async () => {
    const [wrong, none] = await Promise.all([
      run(['report', '--since', 'soon']),
      run(['report'], { ALPHASERVER_DATA: join(folder, 'none') }),
    ]);
    assert.match(wrong.error, /^alphaserver report: --since must be an ISO 8601 time [^\n]*\n$/);
    assert.equal(wrong.code, 2);
    assert.equal(
      none.error,
      `alphaserver report: There is no store in ${join(folder, 'none')}: set ALPHASERVER_DATA to the folder of an alphaserver\n`,
    );
    assert.equal(none.code, 1);
  });

  it('says of a store of another version what to do', async () => {
    const other = mkdtempSync(join(tmpdir(), 'asgard-report-'));
    try {
      await openStorage(other).close();
      const printed = (): string => {
        try {
          openOffline(other).close();
          return 'opened';
        } catch (error) {
          assert.ok(error instanceof OfflineError);
          return error.message;
        }
      };
      const at = (file: string, change: (version: number) => number): string => {
        const db = new DatabaseSync(join(other, file));
        const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
        db.exec(`PRAGMA user_version=${change(version)}`);
        const output = printed();
        db.exec(`PRAGMA user_version=${version}`);
        db.close();
        return output;
      };
      const older = /^The store in \S+ is of a version older than [^\n]*start this alphaserver once[^\n]*$/;
      const newer = /^The store in \S+ is of a version newer than [^\n]*$/;
      for (const file of ['asgard.db', 'rollups.db']) {
        assert.match(
          at(file, () => 0),
          older,
        );
        assert.match(
          at(file, (version) => version + 1),
          newer,
        );
      }
      assert.equal(printed(), 'opened');
      // Only events were put back, and no server has run on them yet.
      rmSync(join(other, 'rollups.db'));
      assert.match(printed(), older);
      writeFileSync(
        join(other, 'asgard.db'),
        'this is no database, though it is long enough to be looked at'.repeat(99),
      );
      assert.match(printed(), /^The store in \S+ cannot be read: file is not a database$/);
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });
});
