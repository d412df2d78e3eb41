/** The header cache: a line's header is the same whether it is read by it or not. fixtures.test.ts reads every form of header. */
import { deepEqual, ok } from 'node:assert/strict';
import { it } from 'node:test';
import { logText } from '../../../alphaclient/sshd/log-text.ts';
import { HeaderParser } from '../../../alphaclient/sshd/syslog-header.ts';
import { TimestampParser } from '../../../alphaclient/sshd/timestamp.ts';
import { Chance } from '../../sshd/chance.ts';

const WRITTEN_MS = Date.UTC(2026, 10, 30);
const LINES = 20_000;

it('a header read by the header cache is what it is without it', (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
  t.diagnostic(`SEED=${seed}`);
  const chance = new Chance(seed);
  const clock = () =>
    `${chance.one(['10', '10', '10', '10', '23', '24'])}:${chance.one(['00', '07', '58', '59', '60', '7'])}:${chance.one(['00', '31', '59', '60', '61', 'x1'])}`;
  const times = [
    () => `Nov 20 ${clock()}`,
    () => `Nov 20 ${clock()}.123`,
    () => `Nov 21 2026 ${clock()}`,
    () => `nov. 20 ${clock()}`,
    () => `2026-11-20T${clock()}Z`,
    () => `2026-11-20T${clock()}.${chance.below(1_000_000)}+01:00`,
    () => `2026-11-20T${clock()},5-0730`,
    () => `2026-11-20 ${clock()}`,
    () => `2026-11-20 ${clock()} UTC`,
    () => `Fri 2026-11-20 ${clock()} CET`,
    () => `<86>Nov 20 ${clock()}`,
  ];
  const behind = [
    ' web sshd[12]: ',
    ' web sshd[123456789]: ',
    ' web sshd[1234567890123]: ',
    ' web sshd[]: ',
    ' web sshd[12] ',
    ' web sshd: ',
    ' web sshd-session[7]: ',
    ' web cron[7]: ',
    ' db sshd[7]: ',
    ' sshd[7]: ',
    '  web sshd[7]: ',
    ' web sshd[7]: [ID 800047 auth.info] ',
    ' web sshd[7]: (pam_unix) ',
  ];
  const texts = ['Accepted', 'Failed', 'Invalid', 'Connection', '[x', '', '\r', 'kernel: [ 1.2] y', '<x'];
  let time = chance.one(times);
  let rest = chance.one(behind);
  const lines = Array.from({ length: LINES }, () => {
    if (chance.below(20) === 0) time = chance.one(times);
    if (chance.below(20) === 0) rest = chance.one(behind);
    return `${time()}${rest}${chance.one(texts)}`;
  });
  const chunk = lines.map((line) => `${line}\n`).join('');
  const parser = () => {
    const timestamps = new TimestampParser();
    timestamps.setContext(WRITTEN_MS, 'UTC');
    return { timestamps, headers: new HeaderParser(timestamps) };
  };
  const { timestamps, headers } = parser();
  const log = logText(chunk);
  let from = 0;
  let cached = 0;
  for (const line of lines) {
    // A new parser has remembered no line but the order of the log.
    const fresh = parser();
    fresh.timestamps.previousMs = timestamps.previousMs;
    fresh.timestamps.previousLocalMs = timestamps.previousLocalMs;
    const expected = fresh.headers.parse(line);
    const known = headers.parseKnown(log, from);
    if (known !== null) cached++;
    deepEqual(known === null ? headers.parse(line) : { ...known, from: known.from - from }, expected, line);
    deepEqual(timestamps.previousMs, fresh.timestamps.previousMs, line);
    from += line.length + 1;
  }
  ok(cached > LINES / 200, `${cached} by the cache`);
});

it('three texts may stand before a header, and behind four none is looked for', () => {
  const timestamps = new TimestampParser();
  timestamps.setContext(WRITTEN_MS, 'UTC');
  const headers = new HeaderParser(timestamps);
  const line = 'Nov 20 10:00:00 web sshd[12]: Accepted';
  for (let texts = 0; texts <= 4; texts += 1) {
    const { writer, host } = headers.parse(`${'[1.5] '.repeat(texts)}${line}`);
    deepEqual([writer, host], texts <= 3 ? ['sshd', 'web'] : ['raw', ''], `behind ${texts}`);
  }
});
