/** Headers as logs of the field have them, beside those that fixtures.test.ts writes: what of a line is time, host, pid and message. */
import { deepEqual } from 'node:assert/strict';
import { it } from 'node:test';
import { Reader } from '../../../alphaclient/sshd/reader.ts';

const NOW = Date.UTC(2026, 10, 30);
const CONTEXT = { writtenMs: NOW, nowMs: NOW, timeZone: 'UTC' };
const FAILED = 'Failed password for root from 192.0.2.10 port 50022 ssh2';
const AT = '2026-11-20T10:00:07.000Z';
const PRECISE = '2026-11-20T10:00:07.123Z';

type Found = readonly [at: string | null, host: string | null, pid: number | null];

function read(text: string | Buffer): { found: Found[]; unknown: number } {
  const reader = new Reader();
  const bytes = typeof text === 'string' ? Buffer.from(`${text}\n`, 'latin1') : text;
  const events = [...reader.read(bytes, CONTEXT), ...reader.end()];
  return {
    found: events.map(({ event: { at, host }, pid }) => [at, host ?? null, pid]),
    unknown: reader.counts().unknown,
  };
}

const FORMS: Readonly<Record<string, readonly [line: string, ...Found]>> = {
  // Win32-OpenSSH's sshd.log
  'Windows: pid, date, time': [`9332 2026-11-20 10:00:07.123 ${FAILED}`, PRECISE, null, 9332],
  'Windows, CR LF': [`9332 2026-11-20 10:00:07.123 ${FAILED}\r`, PRECISE, null, 9332],
  'Windows, before dates': [`5816 10:00:07 243 ${FAILED}`, null, null, 5816],
  'Windows, a level': [
    `9332 2026-11-20 10:00:07.123 error: PAM: Authentication failure for root from 192.0.2.10`,
    PRECISE,
    null,
    9332,
  ],
  // Cygwin's syslog writes the pid of Windows into the message
  Cygwin: [`Nov 20 10:00:07 win sshd: PID 4711: ${FAILED}`, AT, 'win', 4711],
  'Cygwin, by the event log': [`sshd: PID 4711: ${FAILED}`, null, null, 4711],
  'Cygwin, with a pid of its own': [`Nov 20 10:00:07 win sshd[12]: PID 4711: ${FAILED}`, AT, 'win', 12],
  // runit's svlogd, daemontools' multilog, s6-log
  'svlogd -tt': [`2026-11-20_10:00:07.12345 ${FAILED}`, PRECISE, null, null],
  'svlogd -tt behind socklog': [
    `2026-11-20_10:00:07.12345 auth.info: Nov 20 10:00:07 sshd[12]: ${FAILED}`,
    PRECISE,
    null,
    12,
  ],
  TAI64N: [`@400000006b001a31075bca00 ${FAILED}`, PRECISE, null, null],
  'TAI64N behind socklog': [
    `@400000006b001a31075bca00 auth.info: Nov 20 10:00:07 sshd[12]: ${FAILED}`,
    PRECISE,
    null,
    12,
  ],
  TAI64: [`@400000006b001a31 ${FAILED}`, AT, null, null],
  's6-log, local time': [`2026-11-20 10:00:07.123456789  ${FAILED}`, PRECISE, null, null],
  'socklog, by the network': [
    `2026-11-20_10:00:07.12345 192.0.2.1: auth.info: Nov 20 10:00:07 sshd[12]: ${FAILED}`,
    PRECISE,
    '192.0.2.1',
    12,
  ],
  // RFC 5424
  'RFC 5424 without priority and version': [
    `2026-11-20T10:00:07.123456+00:00 web sshd-session 2681 - - ${FAILED}`,
    PRECISE,
    'web',
    2681,
  ],
  'RFC 5424 without version': [
    `<38>2026-11-20T10:00:07.123Z web sshd 2681 - [a@1 b="c"] ${FAILED}`,
    PRECISE,
    'web',
    2681,
  ],
  'RFC 5424 without priority': [`1 2026-11-20T10:00:07.123Z web sshd 2681 - - ${FAILED}`, PRECISE, 'web', 2681],
  'RFC 5424 without a pid': [`2026-11-20T10:00:07.123Z web sshd - - - ${FAILED}`, PRECISE, 'web', null],
  'RFC 5424 behind another header': [
    `Nov 20 10:00:07 relay 1 2026-11-20T10:00:07.123Z web sshd 45097 - - ${FAILED}`,
    PRECISE,
    'web',
    45097,
  ],
  'RFC 5424 with its priority behind another header': [
    `Nov 20 10:00:07 relay <38>1 2026-11-20T10:00:07.123Z web sshd 45097 - - ${FAILED}`,
    PRECISE,
    'web',
    45097,
  ],
  'RFC 5424 without a host behind another header': [
    `Nov 20 10:00:07 relay 1 2026-11-20T10:00:07.123Z - sshd 45097 - - ${FAILED}`,
    PRECISE,
    'relay',
    45097,
  ],
  'an octet count': [`131 <38>1 2026-11-20T10:00:07.123Z web sshd 12345 - - ${FAILED}`, PRECISE, 'web', 12345],
  'an octet count before RFC 3164': [`98 <38>Nov 20 10:00:07 web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'two headers of RFC 3164': [`Nov 20 10:00:09 relay Nov 20 10:00:07 web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'two headers, with a priority between': [
    `Nov 20 10:00:09 relay <38>Nov 20 10:00:07 sshd[12]: ${FAILED}`,
    AT,
    'relay',
    12,
  ],
  'seconds in brackets behind a priority': [
    `<38>[  712.345678] Nov 20 10:00:07 web sshd[12]: ${FAILED}`,
    AT,
    'web',
    12,
  ],
  // grep and friends
  'grep over standard input': [`(standard input):Nov 20 10:00:07 web sshd[12]: ${FAILED}`, AT, 'web', 12],
  grep: [`auth.log.1:Nov 20 10:00:07 web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'grep -n': [`/var/log/auth.log:17:Nov 20 10:00:07 web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'grep -n of one file': [`17:Nov 20 10:00:07 web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'grep -A': [`auth.log-20261120-Nov 20 10:00:07 web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'grep over a folder of Windows': [
    `C:\\ProgramData\\ssh\\logs\\sshd.log:9332 2026-11-20 10:00:07.123 ${FAILED}`,
    PRECISE,
    null,
    9332,
  ],
  'grep over RFC 5424': [`messages:<38>1 2026-11-20T10:00:07.123Z web sshd 7 - - ${FAILED}`, PRECISE, 'web', 7],
  'grep over ISO 8601': [`./a-b/auth.log.1:2026-11-20T10:00:07.123+00:00 web sshd[12]: ${FAILED}`, PRECISE, 'web', 12],
  'grep over a journal': [
    `j:${JSON.stringify({ MESSAGE: FAILED, SYSLOG_IDENTIFIER: 'sshd', _PID: '7', _HOSTNAME: 'web', __REALTIME_TIMESTAMP: '1795168807123000' })}`,
    PRECISE,
    'web',
    7,
  ],
  'grep with colours': [
    `\x1b[35m\x1b[Kauth.log.1\x1b[m\x1b[K\x1b[36m\x1b[K:\x1b[m\x1b[KNov 20 10:00:07 web sshd[12]: \x1b[01;31m\x1b[KFailed\x1b[m\x1b[K password for root from 192.0.2.10 port 50022 ssh2`,
    AT,
    'web',
    12,
  ],
  'ripgrep with colours': [
    `\x1b[0m\x1b[35mauth.log\x1b[0m:\x1b[0m\x1b[32m12\x1b[0m:Nov 20 10:00:07 web sshd[12]: ${FAILED}`,
    AT,
    'web',
    12,
  ],
  'grep over sshd -E': [`logs/sshd.log.1:${FAILED}`, null, null, null],
  'grep over tags': [`auth.log:sshd[12]: ${FAILED}`, null, null, 12],
  'docker compose logs': [`alphaclient_1  | Nov 20 10:00:07 web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'docker compose logs of sshd -e': [`alphaclient_1  | ${FAILED}\r`, null, null, null],
  'kubectl logs --prefix': [`[pod/ssh-0/sshd] ${FAILED}`, null, null, null],
  'spaces in front': [`   Nov 20 10:00:07 web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'two spaces behind the tag': [`Nov 20 10:00:07 web sshd[12]:  ${FAILED}`, AT, 'web', 12],
  'a tab behind the tag': [`Nov 20 10:00:07 web sshd[12]:\t${FAILED}`, AT, 'web', 12],
  'a byte order mark behind the tag': [`Nov 20 10:00:07 web sshd[12]: \xef\xbb\xbf${FAILED}`, AT, 'web', 12],
  'a space before the pid': [`Nov 20 10:00:07 web sshd [12]: ${FAILED}`, AT, 'web', 12],
  'RFC 5424 of nobody around a whole line': [
    `<38>1 2026-11-20T10:00:09Z relay - - - - <38>1 2026-11-20T10:00:07.123Z web sshd 12 - - ${FAILED}`,
    PRECISE,
    'web',
    12,
  ],
  'facility and level with a comma': [`Nov 20 10:00:07 web auth,info sshd[12]: ${FAILED}`, AT, 'web', 12],
  'a level': [`Nov 20 10:00:07 web INFO sshd[12]: ${FAILED}`, AT, 'web', 12],
  'a level in brackets': [`Nov 20 10:00:07 web [warning] sshd[12]: ${FAILED}`, AT, 'web', 12],
  'facility and level with a colon': [`Nov 20 10:00:07 web authpriv.warning: sshd[12]: ${FAILED}`, AT, 'web', 12],
  'cat -n': [`    17\tNov 20 10:00:07 web sshd[12]: ${FAILED}`, AT, 'web', 12],
  // times
  'a time of the Common Log Format in brackets': [
    `[20/Nov/2026:10:00:07 +0000] web sshd[12]: ${FAILED}`,
    AT,
    'web',
    12,
  ],
  'a time of the Common Log Format': [`20/Nov/2026:11:00:07 +0100 web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'a local time of the Common Log Format': [`[20/Nov/2026:10:00:07] web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'RFC 2822': [`Fri, 20 Nov 2026 10:00:07 +0000 web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'a day before its month': [`20-Nov-2026 10:00:07.123 web sshd[12]: ${FAILED}`, PRECISE, 'web', 12],
  'a traditional time in brackets': [`[Nov 20 10:00:07] web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'seconds in brackets before the time': [`[  712.345678] Nov 20 10:00:07 web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'whole seconds in brackets before the time': [
    `[1795168809] 2026-11-20T10:00:07.123Z web sshd[12]: ${FAILED}`,
    PRECISE,
    'web',
    12,
  ],
  'seconds since 1970': [`1795168807 web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'milliseconds since 1970': [`1795168807123 web sshd[12]: ${FAILED}`, PRECISE, 'web', 12],
  'no space behind the time': [`Nov 20 10:00:07web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'no space behind the time, nor a host': [`Nov 20 10:00:07sshd[12]: ${FAILED}`, AT, null, 12],
  'no space behind an ISO time': [`2026-11-20T10:00:07.123+00:00web sshd[12]: ${FAILED}`, PRECISE, 'web', 12],
  'no space behind an ISO time in UTC': [`2026-11-20T10:00:07.123Zweb sshd[12]: ${FAILED}`, PRECISE, 'web', 12],
  'a colon behind the time': [`Nov 20 10:00:07: web sshd[12]: ${FAILED}`, AT, 'web', 12],
  tabs: [`2026-11-20T10:00:07.123Z\tweb\tsshd[12]:\t${FAILED}`, PRECISE, 'web', 12],
  'the year behind the time': [`Nov 20 10:00:07 2026 web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'the year behind the time and its weekday': [`Fri Nov 20 10:00:07 2026 web sshd[12]: ${FAILED}`, AT, 'web', 12],
  'ctime in brackets': [`[Fri Nov 20 10:00:07 2026] web sshd[12]: ${FAILED}`, AT, 'web', 12],
  // between host and tag
  'a level and a bar in one word': [`Nov 20 10:00:07 web !auth.info| sshd[12]: ${FAILED}`, AT, 'web', 12],
  'a level between host and tag': [`Nov 20 10:00:07 web !info | sshd[12]: ${FAILED}`, AT, 'web', 12],
  'a level between host and tag, with a zone': [
    `2026-11-20 10:00:07 UTC web !NOTICE | sshd-session[12]: ${FAILED}`,
    AT,
    'web',
    12,
  ],
  // Cisco's NX-OS
  'NX-OS': [
    `<187>sw1.lab: 2026 Nov 20 10:00:07 UTC: %DAEMON-6-SYSTEM_MSG: ${FAILED} - dcos_sshd[12]`,
    AT,
    'sw1.lab',
    12,
  ],
  'NX-OS without a host': [
    `<187>: 2026 Nov 20 10:00:07 UTC: %DAEMON-6-SYSTEM_MSG: ${FAILED} - dcos_sshd[12]`,
    AT,
    null,
    12,
  ],
  'NX-OS without a priority': [
    `sw1: 2026 Nov 20 10:00:07 UTC: %DAEMON-6-SYSTEM_MSG: ${FAILED} - dcos_sshd[12]`,
    AT,
    'sw1',
    12,
  ],
  'NX-OS without a zone': [`<187>sw1: 2026 Nov 20 10:00:07: %DAEMON-6-SYSTEM_MSG: ${FAILED} - sshd[12]`, AT, 'sw1', 12],
  "NX-OS's own log": [`2026 Nov 20 10:00:07 sw1 %DAEMON-6-SYSTEM_MSG: ${FAILED} - dcos_sshd[12] `, AT, 'sw1', 12],
  "NX-OS's own log, milliseconds": [
    `2026 Nov 20 10:00:07.123 sw1 %$ VDC-1 %$ %DAEMON-6-SYSTEM_MSG: ${FAILED} - dcos_sshd[12]`,
    PRECISE,
    'sw1',
    12,
  ],
  'NX-OS by way of a syslog': [
    `Nov 20 10:00:09 192.0.2.1 : 2026 Nov 20 10:00:07 UTC: %DAEMON-6-SYSTEM_MSG: ${FAILED} - dcos_sshd[12]`,
    AT,
    '192.0.2.1',
    12,
  ],
};

/** What log shippers make of a line, as one JSON object. */
const JSON_FORMS: Readonly<Record<string, readonly [entry: object, ...Found]>> = {
  'syslog-ng': [
    {
      SOURCE: 's_net',
      PROGRAM: 'sshd',
      PID: '12',
      PRIORITY: 'info',
      MESSAGE: FAILED,
      ISODATE: '2026-11-20T13:00:07+03:00',
      HOST_FROM: '192.0.2.1',
      HOST: 'web',
      DATE: 'Nov 20 13:00:07',
    },
    AT,
    'web',
    12,
  ],
  'syslog-ng, its own date': [
    { PROGRAM: 'sshd-session', PID: '12', MESSAGE: FAILED, HOST: 'web', DATE: 'Nov 20 10:00:07' },
    AT,
    'web',
    12,
  ],
  rsyslog: [
    {
      msg: ` ${FAILED}`,
      rawmsg: 'x',
      timereported: '2026-11-20T10:00:07.123456+00:00',
      hostname: 'web',
      syslogtag: 'sshd[12]:',
      inputname: 'imuxsock',
      pri: '38',
    },
    PRECISE,
    'web',
    12,
  ],
  'rsyslog, its own names': [
    { message: ` ${FAILED}`, timegenerated: '2026-11-20T10:00:07Z', 'app-name': 'sshd', procid: '12', hostname: 'web' },
    AT,
    'web',
    12,
  ],
  fluentd: [
    { timestamp: '2026-11-20T13:00:07+03:00', host: 'web', ident: 'sshd', pid: '12', message: FAILED },
    AT,
    'web',
    12,
  ],
  'fluent-bit, systemd': [
    { date: 1795168807.123, PRIORITY: '6', SYSLOG_IDENTIFIER: 'sshd', _PID: '12', _HOSTNAME: 'web', MESSAGE: FAILED },
    PRECISE,
    'web',
    12,
  ],
  'fluent-bit, tail': [{ date: 1795168809.5, log: `Nov 20 10:00:07 web sshd[12]: ${FAILED}` }, AT, 'web', 12],
  'Vector, syslog': [
    {
      appname: 'sshd',
      facility: 'auth',
      host: 'web',
      hostname: 'web',
      message: FAILED,
      procid: 12,
      severity: 'info',
      source_type: 'syslog',
      timestamp: '2026-11-20T10:00:07.123Z',
    },
    PRECISE,
    'web',
    12,
  ],
  'Vector, journald': [
    {
      _COMM: 'sshd',
      _UID: '0',
      _TRANSPORT: 'syslog',
      _PID: '12',
      SYSLOG_IDENTIFIER: 'sshd',
      _HOSTNAME: 'web',
      host: 'x',
      message: FAILED,
      source_type: 'journald',
      timestamp: '2026-11-20T10:00:07.123Z',
    },
    PRECISE,
    'web',
    12,
  ],
  'Vector, file': [
    {
      file: '/var/log/auth.log',
      host: 'shipper',
      message: `Nov 20 10:00:07 web sshd[12]: ${FAILED}`,
      timestamp: '2026-11-20T10:00:09Z',
    },
    AT,
    'web',
    12,
  ],
  filebeat: [
    {
      '@timestamp': '2026-11-20T10:00:09.000Z',
      host: { name: 'shipper' },
      log: { file: { path: '/var/log/auth.log' } },
      message: `Nov 20 10:00:07 web sshd[12]: ${FAILED}`,
    },
    AT,
    'web',
    12,
  ],
  'filebeat, no host in the line': [
    { '@timestamp': '2026-11-20T10:00:07.000Z', host: { name: 'web' }, message: `sshd[12]: ${FAILED}` },
    AT,
    'web',
    12,
  ],
  'filebeat, no header in the line': [
    { '@timestamp': '2026-11-20T10:00:07.000Z', host: { name: 'web' }, message: FAILED },
    AT,
    'web',
    null,
  ],
  'filebeat, Elastic Common Schema': [
    {
      '@timestamp': '2026-11-20T10:00:07.000Z',
      log: { syslog: { hostname: 'web', appname: 'sshd', procid: '12' } },
      message: FAILED,
    },
    AT,
    'web',
    12,
  ],
  'filebeat, process': [
    {
      '@timestamp': '2026-11-20T10:00:07.000Z',
      process: { name: 'sshd', pid: 12 },
      host: { hostname: 'web' },
      message: FAILED,
    },
    AT,
    'web',
    12,
  ],
  Logstash: [
    {
      '@timestamp': '2026-11-20T10:00:07.000Z',
      '@version': '1',
      timestamp: 'Nov 20 11:00:07',
      logsource: 'web',
      program: 'sshd',
      pid: '12',
      message: FAILED,
    },
    AT,
    'web',
    12,
  ],
  GELF: [
    {
      version: '1.1',
      host: 'web',
      short_message: FAILED,
      timestamp: 1795168807.123,
      level: 6,
      _application_name: 'sshd',
      _process_id: '12',
    },
    PRECISE,
    'web',
    12,
  ],
  NXLog: [
    { EventTime: '2026-11-20 10:00:07', Hostname: 'web', SourceName: 'sshd', ProcessID: 12, Message: FAILED },
    AT,
    'web',
    12,
  ],
  'docker, a line of a syslog': [
    { log: `Nov 20 10:00:07 web sshd[12]: ${FAILED}\n`, stream: 'stdout', time: '2026-11-20T10:00:09Z' },
    AT,
    'web',
    12,
  ],
  Azure: [
    {
      SyslogMessage: FAILED,
      ProcessName: 'sshd',
      ProcessID: 12,
      HostName: 'web',
      TimeGenerated: '2026-11-20T10:00:07Z',
    },
    AT,
    'web',
    12,
  ],
  'Google Cloud': [
    { textPayload: `Nov 20 10:00:07 web sshd[12]: ${FAILED}`, timestamp: '2026-11-20T10:00:07Z' },
    AT,
    'web',
    12,
  ],
  OpenTelemetry: [
    {
      body: { stringValue: FAILED },
      timeUnixNano: '1795168807123000000',
      attributes: { appname: 'sshd', 'process.pid': 12 },
    },
    PRECISE,
    null,
    null,
  ],
  Splunk: [{ result: { _raw: `Nov 20 10:00:07 web sshd[12]: ${FAILED}`, host: 'web' } }, AT, 'web', 12],
  "Splunk's collector": [
    { time: 1795168807.123, host: 'web', event: `Nov 20 10:00:07 web sshd[12]: ${FAILED}` },
    AT,
    'web',
    12,
  ],
  Loki: [
    { labels: {}, line: `Nov 20 10:00:07 web sshd[12]: ${FAILED}`, timestamp: '2026-11-20T10:00:09Z' },
    AT,
    'web',
    12,
  ],
  Elasticsearch: [{ _index: 'x', _source: { message: `Nov 20 10:00:07 web sshd[12]: ${FAILED}` } }, AT, 'web', 12],
  'Logstash with the header left in the message': [
    {
      '@timestamp': '2026-11-20T10:00:07.000Z',
      logsource: 'web',
      program: 'sshd',
      pid: '12',
      message: `<38>Nov 20 10:00:07 web sshd[12]: ${FAILED}`,
    },
    AT,
    'web',
    12,
  ],
  'a program in a field of many uses': [{ time: AT, host: 'web', tag: 'sshd[12]:', text: FAILED }, AT, 'web', 12],
  'a field of many uses that is no program': [
    { tag: 'system.auth', service: 'logs', message: `Nov 20 10:00:07 web sshd[12]: ${FAILED}` },
    AT,
    'web',
    12,
  ],
  'docker, without a time': [{ log: `Nov 20 10:00:07 web sshd[12]: ${FAILED}` }, AT, 'web', 12],
  'a number of milliseconds': [
    { ts: 1795168807123, host: 'web', program: 'sshd', pid: 12, msg: FAILED },
    PRECISE,
    'web',
    12,
  ],
  'a number of nanoseconds': [
    { time: '1795168807123456789', host: 'web', program: '/usr/sbin/sshd', pid: 12, msg: FAILED },
    PRECISE,
    'web',
    12,
  ],
};

for (const [form, [entry, ...expected]] of Object.entries(JSON_FORMS))
  it(`JSON of ${form}`, () => deepEqual(read(JSON.stringify(entry)), { found: [expected], unknown: 0 }));

it('a time without a year within JSON is of the year of its entry', () => {
  const entry = { '@timestamp': '2024-02-29T11:00:00.000Z', message: `Feb 29 10:00:07 web sshd[12]: ${FAILED}` };
  deepEqual(read(JSON.stringify(entry)).found, [['2024-02-29T10:00:07.000Z', 'web', 12]]);
  const december = { date: Date.UTC(2025, 0, 1) / 1_000, log: `Dec 31 23:59:59 web sshd[12]: ${FAILED}` };
  deepEqual(read(JSON.stringify(december)).found, [['2024-12-31T23:59:59.000Z', 'web', 12]]);
});

it('JSON of fluentd behind its time and its tag', () => {
  const record = JSON.stringify({ host: 'web', ident: 'sshd', pid: '12', message: FAILED });
  deepEqual(read(`2026-11-20T10:00:07+00:00\tsyslog.auth.info\t${record}`), { found: [[AT, 'web', 12]], unknown: 0 });
});

it('octet counts with nothing between the messages, whatever else is among them', () => {
  const frame = (text: string): string => `${text.length} ${text}`;
  const of = (program: string, text: string): string =>
    frame(`<38>1 2026-11-20T10:00:07.123Z web ${program} 12 - - ${text}`);
  const line = of('sshd', FAILED) + of('cron', '12 <38>x') + of('sshd', FAILED.replace('50022', '50023'));
  const found = [PRECISE, 'web', 12] as const;
  deepEqual(read(line), { found: [found, found], unknown: 0 });
  deepEqual(read(line.slice(0, -30)).found, [found]);
});

it('JSON behind the separator of RFC 7464, and as an event of a server', () => {
  const entry = JSON.stringify({ date: 1795168807.123, host: 'web', ident: 'sshd', pid: '12', message: FAILED });
  for (const before of ['\x1e', 'data: '])
    deepEqual(read(`${before}${entry}`), { found: [[PRECISE, 'web', 12]], unknown: 0 });
});

it("a tag that is like sshd's counts as unknown, and another program's does not", () => {
  for (const tag of ['openssh[12]', 'SSHD_[12]', 'sshd(12)'])
    deepEqual(read(`Nov 20 10:00:07 web ${tag}: ${FAILED}`), { found: [], unknown: 1 }, tag);
  for (const tag of ['sshguard[12]', 'ssh-agent[12]', 'sshd(pam_x)[12]'])
    deepEqual(read(`Nov 20 10:00:07 web ${tag}: ${FAILED}`), { found: [], unknown: 0 }, tag);
});

it('JSON of several entries in a line, and with a comma behind', () => {
  const entry = { date: 1795168807.123, host: 'web', ident: 'sshd', pid: '12', message: FAILED };
  const found = [PRECISE, 'web', 12] as const;
  deepEqual(read(JSON.stringify([entry, { ...entry, ident: 'cron' }, entry])), { found: [found, found], unknown: 0 });
  deepEqual(read(`${JSON.stringify(entry)},`), { found: [found], unknown: 0 });
});

it("JSON of another program is not sshd's, and one that nobody can read counts as unknown", () => {
  for (const entry of [
    { PROGRAM: 'myapp', MESSAGE: FAILED },
    { timestamp: '2026-11-20T10:00:07Z', appname: 'sshd-keygen', message: FAILED },
    { processImagePath: '/tmp/a:b/sshd[1]/x', eventMessage: FAILED },
    { message: `Nov 20 10:00:07 web myapp[12]: ${FAILED}` },
    { __REALTIME_TIMESTAMP: '1795168807123000', MESSAGE: FAILED },
  ])
    deepEqual(read(JSON.stringify(entry)), { found: [], unknown: 0 }, JSON.stringify(entry));
  for (const entry of [{ remark: FAILED }, [[{ message: FAILED }]], { message: { remark: FAILED } }])
    deepEqual(read(JSON.stringify(entry)), { found: [], unknown: 1 }, JSON.stringify(entry));
});

for (const [form, [line, ...expected]] of Object.entries(FORMS))
  it(form, () => deepEqual(read(line), { found: [expected], unknown: 0 }, line));

const OTHERS: Readonly<Record<string, string>> = {
  'RFC 5424 without priority and version': `2026-11-20T10:00:07.123456+00:00 web cron 2681 - - ${FAILED}`,
  'RFC 5424 behind another header': `Nov 20 10:00:07 relay 1 2026-11-20T10:00:07.123Z web cron 45097 - - ${FAILED}`,
  'two headers': `Nov 20 10:00:09 relay Nov 20 10:00:07 web cron[12]: ${FAILED}`,
  grep: `auth.log:Nov 20 10:00:07 web cron[12]: sshd[7]: ${FAILED}`,
  'NX-OS': `<187>sw1: 2026 Nov 20 10:00:07 UTC: %DAEMON-6-SYSTEM_MSG: ${FAILED} - xinetd[12]`,
  'NX-OS with a name that ends like the tag': `<187>sw1: 2026 Nov 20 10:00:07 UTC: %DAEMON-6-SYSTEM_MSG: x - dcos_sshd[7] - login[12]`,
};

for (const [form, line] of Object.entries(OTHERS))
  it(`${form}: another program's line is not sshd's`, () => deepEqual(read(line), { found: [], unknown: 0 }, line));
