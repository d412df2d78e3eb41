/** Compares docs/operations.md, the dashboard and the rules with the program. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { SETTING_NAMES as CLIENT_NAMES } from '../../alphaclient/config.ts';
import { SETTING_NAMES as SERVER_NAMES } from '../../alphaserver/config.ts';
import { FAMILIES, type Family } from '../../alphaserver/metrics/families.ts';
import { Metrics } from '../../alphaserver/web/metrics.ts';

const read = (...path: string[]): string => readFileSync(join(import.meta.dirname, '..', '..', ...path), 'utf8');
const OPERATIONS = read('docs', 'operations.md');
const DASHBOARD = read('docs', 'grafana-dashboard.json');
const RULES = read('docs', 'prometheus-rules.yml');

/** Names that a page of metrics has lines of: a histogram has three of its own. */
function seriesNames(): Set<string> {
  const names = new Set(['up']);
  for (const [name, { type }] of Object.entries<Family>(FAMILIES))
    for (const end of type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']) names.add(name + end);
  for (const name of new Metrics().processNames()) names.add(name);
  return names;
}
const METRIC = /\b(?:asgard|process|nodejs)_[a-z0-9_]+\b/g;

it('every metric is in the docs, with its labels and its meaning', () => {
  for (const [name, { type, labels, help }] of Object.entries<Family>(FAMILIES)) {
    const row = `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`;
    assert.ok(OPERATIONS.includes(row), `docs/operations.md lacks the row\n${row}`);
  }
});

it('the docs, the dashboard and the rules name no metric that there is not', () => {
  const there = seriesNames();
  for (const [what, text] of Object.entries({ DASHBOARD, RULES })) {
    const named = new Set(text.match(METRIC));
    assert.ok(named.size > 20, what);
    for (const name of named) assert.ok(there.has(name), `${what} names ${name}`);
  }
  for (const name of OPERATIONS.match(/\basgard_[a-z_]+\b/g) ?? [])
    assert.ok(name in FAMILIES, `docs/operations.md names ${name}`);
});

it('every alert rule has a severity, words for people, and a unit test in which it fires', () => {
  const tests = read('test', 'prometheus', 'rules-test.yml');
  const alerts = [...RULES.matchAll(/^ {6}- alert: (\w+)\n([\s\S]*?)(?=^ {6}- |^ {2}- |(?![\s\S]))/gm)];
  assert.ok(alerts.length >= 19);
  for (const [, name = '', body = ''] of alerts) {
    assert.match(body, /severity: (critical|warning|info)\n/, name);
    assert.match(body, /summary: .+\n/, name);
    assert.match(body, /description: .+\n/, name);
    const fires =
      tests.includes(`alertname="${name}"`) ||
      new RegExp(`alertname: ${name}\\n +eval_time: \\w+\\n +exp_alerts`).test(tests);
    assert.ok(fires, `${name} fires in no unit test`);
  }
});

it('every panel of the dashboard asks Prometheus for something, and none stands on another', () => {
  const { panels } = JSON.parse(DASHBOARD) as {
    panels: {
      id: number;
      type: string;
      title: string;
      targets?: { expr: string }[];
      gridPos: { x: number; y: number; w: number; h: number };
    }[];
  };
  const taken = new Set<string>();
  for (const { type, title, targets = [], gridPos } of panels) {
    if (type !== 'row') assert.ok(targets.length > 0 && targets.every(({ expr }) => expr !== ''), title);
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        assert.ok(!taken.has(`${x},${y}`), `${title} stands on another panel`);
        taken.add(`${x},${y}`);
      }
  }
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
});

it('every setting is in .env.example, in the README and in docs/operations.md, and no other', () => {
  const known = new Set<string>([...SERVER_NAMES, ...CLIENT_NAMES]);
  assert.ok(known.size > 20);
  const example = new Set(
    [...read('.env.example').matchAll(/^#((?:ALPHA|LOG_)\w+)=/gm)].map(([, name]) => name as string),
  );
  assert.deepEqual(example, known);
  const rows = (text: string): Set<string> =>
    new Set(
      [...text.matchAll(/^\| (`(?:ALPHA|LOG_).*?) \|/gm)].flatMap(([, cell = '']) => {
        let first = '';
        return [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => {
          // `ALPHASERVER_TLS_CERT`, `_KEY`
          if (!name.startsWith('_')) first = name;
          return name.startsWith('_') ? first.replace(/_[A-Z]+$/, name) : name;
        });
      }),
    );
  assert.deepEqual([...rows(OPERATIONS)].sort(), [...known].sort());
  const readme = rows(read('README.md'));
  for (const name of known) assert.ok(readme.has(name) || name.startsWith('LOG_'), `README.md lacks ${name}`);
  for (const name of readme) assert.ok(known.has(name), `README.md names ${name}`);
});
