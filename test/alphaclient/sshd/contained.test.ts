/** What the runtime of a container keeps of an sshd's output: Docker's json-file and `docker logs -t`, containerd's files. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader } from '../../../alphaclient/sshd/reader.ts';

const CONTEXT = { writtenMs: Date.UTC(2026, 10, 26), nowMs: Date.UTC(2026, 10, 26), timeZone: 'UTC' };
const TIME = '2026-11-26T01:02:03.456789012Z';
const AT = '2026-11-26T01:02:03.456Z';

const FORMS: Readonly<Record<string, (written: string) => string>> = {
  'json-file': (written) => JSON.stringify({ log: `${written}\r\n`, stream: 'stderr', time: TIME }),
  'json-file of a converted log': (written) => JSON.stringify({ log: `${written}\n`, stream: 'stderr', time: TIME }),
  'docker logs -t': (written) => `${TIME} ${written}\r`,
  containerd: (written) => `${TIME} stderr F ${written}\r`,
};

function read(lines: readonly string[]): { events: unknown[]; unknown: number } {
  const reader = new Reader();
  const sightings = reader.read(Buffer.from(lines.map((line) => `${line}\n`).join('')), CONTEXT);
  const events = [...sightings, ...reader.end()].map(({ event: { at, outcome, user, ip, port, host, reason }, line }) =>
    [line, at, outcome, user, ip, port, host ?? null, reason].join(' '),
  );
  return { events, unknown: reader.counts().unknown };
}

for (const [form, line] of Object.entries(FORMS)) {
  test(`${form}: what sshd -e says is read, with the time before it`, () => {
    const written = [
      'Server listening on 0.0.0.0 port 22.',
      'Invalid user pi from 192.0.2.7 port 4711',
      'Failed password for invalid user pi from 192.0.2.7 port 4711 ssh2',
      'Connection closed by invalid user pi 192.0.2.7 port 4711 [preauth]',
      'error: kex_exchange_identification: Connection closed by remote host',
      'Connection closed by 192.0.2.8 port 4712',
      'fatal: Timeout before authentication for 192.0.2.9 port 4713',
      'Accepted password for x from 192.0.2.1 port 1 from 192.0.2.10 port 4714 ssh2',
    ];
    assert.deepEqual(read(written.map(line)), {
      events: [
        `3 ${AT} failed pi 192.0.2.7 4711  `,
        `6 ${AT} probe  192.0.2.8 4712  connection closed`,
        `7 ${AT} probe  192.0.2.9 4713  timeout before authentication`,
        `8 ${AT} accepted x from 192.0.2.1 port 1 192.0.2.10 4714  `,
      ],
      unknown: 0,
    });
  });

  test(`${form}: a syslog's line in it has its own host, and its own time where it has one`, () => {
    const written = [
      'Nov 25 10:00:00 inner sshd[12]: Failed password for root from 192.0.2.7 port 4711 ssh2',
      'sshd-session[13]: Failed password for root from 192.0.2.7 port 4712 ssh2',
      'Nov 25 10:00:00 inner cron[12]: Failed password for root from 192.0.2.7 port 4711 ssh2',
    ];
    assert.deepEqual(read(written.map(line)), {
      events: ['1 2026-11-25T10:00:00.000Z failed root 192.0.2.7 4711 inner ', `2 ${AT} failed root 192.0.2.7 4712  `],
      unknown: 0,
    });
  });

  test(`${form}: of other programs nothing is read, and of sshd's what is not understood is counted`, () => {
    assert.deepEqual(read(['[info] nginx has started', 'GET / HTTP/1.1'].map(line)), { events: [], unknown: 0 });
    const written = ['Server listening on 0.0.0.0 port 22.', 'Something that sshd never wrote before'];
    assert.deepEqual(read(written.map(line)), { events: [], unknown: 1 });
  });
}

for (const [form, line] of Object.entries(FORMS).filter(([form]) => form !== 'json-file of a converted log')) {
  const lf = (written: string): string => line(written).replace('\\r', '').replace('\r', '');
  const start = line('Server listening on 0.0.0.0 port 22.');

  test(`${form}: what else runs in the container takes no attempt with it, and is not sshd's`, () => {
    const others = ['[init] started', 'cron: done', '', 'x'.repeat(1_200)].flatMap((written, n) => [
      lf(written),
      line(`Failed password for root from 192.0.2.7 port 471${n} ssh2`),
    ]);
    assert.deepEqual(read([start, ...others, lf('[init] stopped')]), {
      events: [3, 5, 7, 9].map((at, n) => `${at} ${AT} failed root 192.0.2.7 471${n}  `),
      unknown: 0,
    });
  });

  test(`${form}: a user name with line feeds is one name, also behind what another program wrote`, () => {
    const torn = [
      lf('Failed password for invalid user x'),
      lf('Accepted password for root from 198.51.100.9 port 22 ssh2'),
      lf('cron y'),
      line(' from 192.0.2.7 port 4711 ssh2'),
    ];
    const name = 'x\nAccepted password for root from 198.51.100.9 port 22 ssh2\ncron y\n';
    assert.deepEqual(read([start, ...torn]), { events: [`2 ${AT} failed ${name} 192.0.2.7 4711  `], unknown: 0 });
    assert.deepEqual(read([start, lf('cron: done'), ...torn]), {
      events: [`6 ${AT} failed ${name} 192.0.2.7 4711  `],
      unknown: 0,
    });
  });
}

test('docker logs: what else runs in the container takes no attempt with it, and is not sshd’s', () => {
  const failed = (port: number): string => `Failed password for root from 192.0.2.7 port ${port} ssh2\r`;
  const lines = [
    '[init] started',
    'Server listening on 0.0.0.0 port 22.\r',
    'cron: done',
    '[init] ready',
    failed(1),
    failed(2),
    'end',
  ];
  assert.deepEqual(read(lines), {
    events: ['5  failed root 192.0.2.7 1  ', '6  failed root 192.0.2.7 2  '],
    unknown: 0,
  });
});

test('a time that is none leaves an event without time', () => {
  const line = JSON.stringify({ log: 'Failed password for root from 192.0.2.7 port 22 ssh2\n', time: 'noon' });
  assert.deepEqual(read([line]), { events: ['1  failed root 192.0.2.7 22  '], unknown: 0 });
});

test("in a container's log another program's line is read though it begins like the one before", () => {
  const written = 'Failed password for root from 192.0.2.7 port 4711 ssh2';
  const line = FORMS['docker logs -t'] as (written: string) => string;
  const lines = [
    line('Server listening on 0.0.0.0 port 22.'),
    `${TIME} web sshd[9]: ${written}`,
    `${TIME} web cron: ${written}`,
  ];
  assert.deepEqual(read(lines), { events: [`2 ${AT} failed root 192.0.2.7 4711 web `], unknown: 1 });
});
