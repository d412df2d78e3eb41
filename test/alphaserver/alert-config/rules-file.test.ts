import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { isQuiet } from '../../../alphaserver/alert-config/quiet-hours.ts';
import { FILE_LIMIT_BYTES, readRulesFile, settingsIn } from '../../../alphaserver/alert-config/rules-file.ts';
import { DEFAULT_SETTINGS } from '../../../alphaserver/alert-config/settings.ts';
import { SCHEMA_FILE, schemaText } from '../../docs/rules-schema.ts';

const fault = (text: string): string => {
  try {
    settingsIn(text, 'rules.json');
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'rules');
    return (error as Error).message;
  }
  throw new Error(`taken: ${text}`);
};

test('an empty file means the defaults', () => {
  assert.deepEqual(settingsIn('{}', 'rules.json'), DEFAULT_SETTINGS);
});

test('what the file says is taken, the rest stays', () => {
  const { detection, channels, routes, quietHours, allow } = settingsIn(
    JSON.stringify({
      $schema: 'rules.schema.json',
      rules: {
        'brute-force': { count: 20, window: '2m', severity: 'critical', channels: ['ops'] },
        distributed: { on: false },
      },
      quiet: '30m',
      allow: { addresses: ['192.0.2.1', '2001:db8::/32'], users: ['monitor'] },
      quietHours: { from: '22:00', until: '07:00', timeZone: 'Europe/Berlin' },
      channels: { ops: { type: 'slack', url: 'https://hooks.example/x' } },
    }),
    'rules.json',
  );
  assert.deepEqual(detection.rules['brute-force'], { on: true, severity: 'critical', count: 20, windowMs: 120_000 });
  assert.equal(detection.rules.distributed.on, false);
  assert.equal(detection.rules['fleet-scan'].count, 5);
  assert.equal(detection.quietMs, 1_800_000);
  assert.deepEqual(channels['ops'], {
    type: 'slack',
    url: 'https://hooks.example/x',
    severity: 'notice',
    resolved: true,
  });
  assert.deepEqual(routes['brute-force'], ['ops']);
  assert.equal(routes['break-in'], null);
  assert.deepEqual(allow.users, ['monitor']);
  assert.equal(quietHours?.severity, 'critical');
});

test('a mistake is reported with its place', () => {
  assert.match(fault('{\n  "rules": {\n}'), /^rules\.json:3:2: this is no JSON/);
  assert.match(fault('[]'), /^rules\.json:1:1: must be object$/);
  assert.equal(
    fault('{\n  "rules": {\n    "brute-force": { "count": "ten" }\n  }\n}'),
    'rules.json:3:31: rules.brute-force.count must be integer',
  );
  assert.equal(fault('{ "rules": { "brute-farce": {} } }'), 'rules.json:1:29: rules.brute-farce is no setting');
  assert.equal(
    fault('{"rules":{"fleet-scan":{"window":"1 hour"}}}'),
    'rules.json:1:34: rules.fleet-scan.window must be a span of time such as 90s, 15m, 24h or 7d',
  );
  assert.match(fault('{"rules":{"fleet-scan":{"window":"25h"}}}'), /1:34: .* must be at most 24h/);
  assert.match(fault('{"rules":{"dormant-key":{"window":"1826d"}}}'), /1:35: .* must be at most 1825d/);
  assert.match(fault('{"rules":{"dormant-key":{"count":2}}}'), /1:34: rules.dormant-key.count is no setting/);
  assert.match(fault('{"rules":{"fleet-scan":{"severity":"bad"}}}'), /must be one of notice, warning, critical/);
  assert.match(
    fault('{"rules":{"fleet-scan":{"channels":["ops"]}}}'),
    /1:37: rules.fleet-scan.channels.0 names a channel/,
  );
  assert.match(
    fault('{"allow":{"addresses":["192.0.2.1","192.0.2.0/33"]}}'),
    /1:36: allow.addresses.1 must be an address/,
  );
  assert.match(fault('{"channels":{"a b":{"type":"slack","url":"https://x"}}}'), /channels/);
  assert.match(fault('{"channels":{"a":{"type":"pigeon"}}}'), /1:26: channels.a.type must be one of webhook, slack, /);
  assert.match(fault('{"channels":{"a":{"type":"slack"}}}'), /channels.a must have required property 'url'/);
  assert.match(
    fault('{"channels":{"a":{"type":"slack","url":"file:///x"}}}'),
    /1:40: channels.a.url must match pattern/,
  );
  assert.match(fault('{"quietHours":{"from":"25:00","until":"07:00"}}'), /quietHours.from/);
  assert.match(fault('{"quietHours":{"from":"22:00","until":"07:00","timeZone":"Mars/Base"}}'), /must be a time zone/);
});

test('a file of 4 MiB is read, and one that is a byte larger is not, though it has fewer characters', () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-rules-'));
  const file = join(folder, 'rules.json');
  try {
    const comment = '// \u00e9\n';
    const largest = `${comment}{${' '.repeat(FILE_LIMIT_BYTES - Buffer.byteLength(comment) - 2)}}`;
    writeFileSync(file, largest);
    assert.deepEqual(readRulesFile(file), DEFAULT_SETTINGS);
    writeFileSync(file, `${largest} `);
    assert.throws(() => readRulesFile(file), { message: `${file} is larger than ${FILE_LIMIT_BYTES} bytes` });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the file may have comments, which count as spaces', () => {
  const text = '// who is paged\n{ "quiet": /* was 15m */ "30m", // half an hour\n  "ipv6Prefix": 200 }';
  assert.match(fault(text), /^rules\.json:3:17: ipv6Prefix must be <= /);
  assert.equal(settingsIn(text.replace('200', '56'), 'rules.json').detection.quietMs, 1_800_000);
  assert.equal(fault('{"quiet":"15m",}'), 'rules.json:1:16: this is no JSON: property name expected');
  assert.equal(fault('['.repeat(100_000)), 'rules.json:1:1: this is no JSON: it is nested too deeply');
});

test('the place is right where keys are escaped, repeated or nested', () => {
  assert.match(fault('{"a\\"}": 1}'), /^rules\.json:1:10: a"} is no setting/);
  assert.match(fault('{"quiet":"15m","quiet":7}'), /^rules\.json:1:24: quiet must be string/);
});

test('quiet hours go over midnight and follow their time zone', () => {
  const hours = { fromMinute: 22 * 60, untilMinute: 7 * 60, timeZone: 'Europe/Berlin', severity: 'critical' } as const;
  // Berlin is an hour ahead of UTC in winter, two in summer.
  assert.equal(isQuiet(hours, Date.parse('2026-01-10T20:59:00Z')), false);
  assert.equal(isQuiet(hours, Date.parse('2026-01-10T21:00:00Z')), true);
  assert.equal(isQuiet(hours, Date.parse('2026-01-10T23:30:00Z')), true);
  assert.equal(isQuiet(hours, Date.parse('2026-01-11T06:00:00Z')), false);
  assert.equal(isQuiet(hours, Date.parse('2026-07-10T20:00:00Z')), true);
  assert.equal(isQuiet({ ...hours, fromMinute: 0, untilMinute: 60 }, Date.parse('2026-01-10T23:00:00Z')), true);
});

test('the published schema is the one that the server checks by', () => {
  assert.equal(readFileSync(SCHEMA_FILE, 'utf8'), schemaText(), 'run `npm run docs`');
});
