import assert from 'node:assert/strict';
import test from 'node:test';
import type { Rule } from '../../../alphaserver/alert-config/rules.ts';
import {
  configWith,
  engineWith,
  type Given,
  Ledger,
  only,
  Rows,
  raised,
  repeated,
  START_MS,
  stored,
} from './stream.ts';

/** rule host source user openedAt lastAt count, times in seconds. */
type Row = readonly [Rule, string | null, string | null, string | null, number, number, number];
const rows = (given: readonly Given[], options: Parameters<typeof raised>[1] = {}): Row[] =>
  raised(given, options).map(({ rule, host, source, user, openedAt, lastAt, count }) => [
    rule,
    host,
    source,
    user,
    (openedAt - START_MS) / 1_000,
    (lastAt - START_MS) / 1_000,
    count,
  ]);
const hosts = (n: number, given: Partial<Given> = {}): Given[] =>
  Array.from({ length: n }, (_, i) => ({ at: i, ...given, host: `web-${i}` }));
const success = (given: Given): Given => ({ ...given, outcome: 'accepted' });
const key = (given: Given): Given => ({ ...success(given), method: 'publickey' });
const A = '203.0.113.5';

const WEB = ['web-1', A, 'root'] as const;
const DAYS_90 = 90 * 86_400;
const ED25519 = `ED25519 SHA256:${'k'.repeat(43)}`;
const used = (...times: number[]): Given[] => times.map((at) => ({ ...key({ at }), key: ED25519 }));

const TABLE: readonly [name: string, rule: Rule, events: Given[], incidents: Row[]][] = [
  ['nine failures in a minute are no brute force', 'brute-force', repeated(9, 5), []],
  ['the tenth failure makes it one', 'brute-force', repeated(10, 5), [['brute-force', 'web-1', A, 'root', 45, 45, 10]]],
  [
    'ten failures, the last in the sixtieth second',
    'brute-force',
    [...repeated(9, 5), { at: 60 }],
    [['brute-force', 'web-1', A, 'root', 60, 60, 10]],
  ],
  ['ten failures, the last one after it', 'brute-force', [...repeated(9, 5), { at: 60.001 }], []],
  [
    'what comes after belongs to the same incident',
    'brute-force',
    repeated(500, 60).concat(repeated(12, 1, { at: 30_000 }), { at: 30_900 }),
    [['brute-force', 'web-1', A, 'root', 30_009, 30_900, 13]],
  ],
  [
    'a pause of a second less than fifteen minutes does not end it',
    'brute-force',
    [...repeated(10, 1), { at: 9 + 899 }],
    [['brute-force', 'web-1', A, 'root', 9, 908, 11]],
  ],
  [
    'fifteen minutes of quiet end it',
    'brute-force',
    [...repeated(10, 1), { at: 9 + 900 }],
    [['brute-force', 'web-1', A, 'root', 9, 9, 10]],
  ],
  [
    'two bursts sixteen minutes apart are two',
    'brute-force',
    [...repeated(10, 1), ...repeated(10, 1, { at: 969 })],
    [
      ['brute-force', 'web-1', A, 'root', 9, 9, 10],
      ['brute-force', 'web-1', A, 'root', 978, 978, 10],
    ],
  ],
  [
    'five failures each on two hosts are no brute force',
    'brute-force',
    [...repeated(5, 1), ...repeated(5, 1, { host: 'web-2' })],
    [],
  ],
  [
    'ten probes that name a user are, which is how a host for keys alone logs it',
    'brute-force',
    repeated(10, 1, { outcome: 'probe' }),
    [['brute-force', 'web-1', A, 'root', 9, 9, 10]],
  ],
  ['ten probes that name nobody are none', 'brute-force', repeated(10, 1, { outcome: 'probe', user: null }), []],
  ['nor what has no address', 'brute-force', repeated(10, 1, { ip: null }), []],
  [
    'addresses of one /64 are one source',
    'brute-force',
    Array.from({ length: 10 }, (_, i) => ({ at: i, ip: `2001:db8:0:7::${i + 1}` })),
    [['brute-force', 'web-1', '2001:db8:0:7::/64', 'root', 9, 9, 10]],
  ],
  [
    'one address of a /64 is shown as itself',
    'brute-force',
    repeated(10, 1, { ip: '2001:db8:0:7::9' }),
    [['brute-force', 'web-1', '2001:db8:0:7::9', 'root', 9, 9, 10]],
  ],
  [
    'addresses of two /64 are two',
    'brute-force',
    Array.from({ length: 10 }, (_, i) => ({ at: i, ip: `2001:db8:0:${i % 2}::1` })),
    [],
  ],
  [
    'an IPv4 address is the same inside an IPv6 one',
    'brute-force',
    Array.from({ length: 10 }, (_, i) => ({ at: i, ip: i % 2 ? A : `::ffff:${A}` })),
    [['brute-force', 'web-1', A, 'root', 9, 9, 10]],
  ],

  ['twenty-nine failures in a day are not slow brute force', 'slow-brute-force', repeated(29, 1_800), []],
  [
    'the thirtieth makes it one',
    'slow-brute-force',
    repeated(30, 2_979),
    [['slow-brute-force', 'web-1', A, 'root', 86_391, 86_391, 30]],
  ],
  ['thirty in more than a day do not', 'slow-brute-force', repeated(30, 2_980), []],
  [
    'what it has used up does not count again',
    'slow-brute-force',
    repeated(60, 1_200),
    [
      ['slow-brute-force', 'web-1', A, 'root', 34_800, 34_800, 30],
      ['slow-brute-force', 'web-1', A, 'root', 70_800, 70_800, 30],
    ],
  ],

  ['four hosts are no scan', 'fleet-scan', hosts(4), []],
  ['five hosts are one', 'fleet-scan', hosts(5), [['fleet-scan', null, A, 'root', 4, 4, 5]]],
  [
    'five hosts within an hour, to the second',
    'fleet-scan',
    [...hosts(4), { at: 3_600, host: 'db' }],
    [['fleet-scan', null, A, 'root', 3_600, 3_600, 5]],
  ],
  ['five hosts in more than an hour are none', 'fleet-scan', [...hosts(4), { at: 3_601, host: 'db' }], []],
  [
    'a host that is tried again counts as of then',
    'fleet-scan',
    [...hosts(4), { at: 3_000, host: 'web-0' }, { at: 3_602, host: 'db' }, { at: 3_603, host: 'dc' }],
    [],
  ],
  [
    'five hosts by probes that name a user',
    'fleet-scan',
    hosts(5, { outcome: 'probe' }),
    [['fleet-scan', null, A, 'root', 4, 4, 5]],
  ],
  ['five hosts by probes that name nobody', 'fleet-scan', hosts(5, { outcome: 'probe', user: null }), []],
  ['fifty hosts are one incident', 'fleet-scan', hosts(50), [['fleet-scan', null, A, 'root', 4, 49, 50]]],

  [
    'nine users are no enumeration',
    'user-enumeration',
    Array.from({ length: 9 }, (_, i) => ({ at: i, user: `u${i}` })),
    [],
  ],
  [
    'ten are, over hosts and with probes',
    'user-enumeration',
    Array.from({ length: 10 }, (_, i) => ({
      at: i,
      user: `u${i}`,
      host: `h${i % 2}`,
      outcome: i % 3 ? ('failed' as const) : ('probe' as const),
    })),
    [['user-enumeration', null, A, null, 9, 9, 10]],
  ],
  ['ten times one user is none', 'user-enumeration', repeated(10, 1), []],

  [
    'a user that fails from nine sources is not attacked from everywhere',
    'distributed',
    Array.from({ length: 9 }, (_, i) => ({ at: i, ip: `198.51.100.${i}` })),
    [],
  ],
  [
    'from ten it is',
    'distributed',
    Array.from({ length: 10 }, (_, i) => ({ at: i * 400, ip: `198.51.100.${i}` })),
    [['distributed', 'web-1', null, 'root', 3_600, 3_600, 10]],
  ],
  [
    'from ten by probes, too',
    'distributed',
    Array.from({ length: 10 }, (_, i) => ({ at: i, ip: `198.51.100.${i}`, outcome: 'probe' as const })),
    [['distributed', 'web-1', null, 'root', 9, 9, 10]],
  ],
  [
    'ten addresses of one /64 are one source',
    'distributed',
    Array.from({ length: 10 }, (_, i) => ({ at: i, ip: `2001:db8::${i}` })),
    [],
  ],

  ['a success after four failures is a typing error', 'break-in', [...repeated(4, 1), success({ at: 10 })], []],
  [
    'after five, anywhere, it is a break-in',
    'break-in',
    [...hosts(5), success({ at: 10, host: 'db', user: 'mira' })],
    [['break-in', 'db', A, 'mira', 10, 10, 1]],
  ],
  [
    'five failures a day before, to the second',
    'break-in',
    [...repeated(5, 0), success({ at: 86_400 })],
    [['break-in', 'web-1', A, 'root', 86_400, 86_400, 1]],
  ],
  ['five failures more than a day before', 'break-in', [...repeated(5, 0), success({ at: 86_401 })], []],
  ['failures after the success do not count', 'break-in', [success({ at: 0 }), ...repeated(9, 1, { at: 1 })], []],
  [
    'a success by password after five probes',
    'break-in',
    [...repeated(5, 1, { outcome: 'probe' }), success({ at: 10 })],
    [['break-in', 'web-1', A, 'root', 10, 10, 1]],
  ],
  [
    'what the intruder does next belongs to it',
    'break-in',
    [...repeated(5, 1), success({ at: 10 }), ...repeated(3, 60, { at: 60 }), success({ at: 400 })],
    [['break-in', 'web-1', A, 'root', 10, 400, 5]],
  ],
  [
    'a success on a further host within fifteen minutes belongs to it',
    'break-in',
    [...repeated(5, 1), success({ at: 10 }), { at: 500 }, success({ at: 909, host: 'db' })],
    [['break-in', null, A, 'root', 10, 909, 3]],
  ],
  [
    'after fifteen minutes one on a further host is an incident by itself, however long the one before is kept open',
    'break-in',
    [
      ...[...repeated(5, 1), success({ at: 10 }), { at: 500 }, success({ at: 910, host: 'db' })],
      ...[{ at: 920 }, success({ at: 930, host: 'mail' })],
    ],
    [
      ['break-in', null, A, 'root', 910, 930, 3],
      ['break-in', 'web-1', A, 'root', 10, 500, 2],
    ],
  ],
  [
    'nor do logins on the host that it names keep it from being one',
    'break-in',
    [...repeated(5, 1), ...repeated(5, 840, success({ at: 10 })), success({ at: 4_000, host: 'db' })],
    [
      ['break-in', 'db', A, 'root', 4_000, 4_000, 1],
      ['break-in', 'web-1', A, 'root', 10, 3_370, 5],
    ],
  ],
  [
    'on a host that it names one belongs to it at any time',
    'break-in',
    [...repeated(5, 1), success({ at: 10 }), { at: 500 }, success({ at: 1_300 })],
    [['break-in', 'web-1', A, 'root', 10, 1_300, 3]],
  ],

  [
    'a fourth login from elsewhere is worth a word',
    'first-seen-source',
    [...repeated(3, 60, { outcome: 'accepted', user: 'mira' }), success({ at: 200, user: 'mira', ip: '192.0.2.9' })],
    [['first-seen-source', 'web-1', '192.0.2.9', 'mira', 200, 200, 1]],
  ],
  [
    'a third is not',
    'first-seen-source',
    [...repeated(2, 60, { outcome: 'accepted', user: 'mira' }), success({ at: 200, user: 'mira', ip: '192.0.2.9' })],
    [],
  ],
  [
    'a second is after a week',
    'first-seen-source',
    [success({ at: 0, user: 'mira' }), success({ at: 604_800, user: 'mira', ip: '192.0.2.9' })],
    [['first-seen-source', 'web-1', '192.0.2.9', 'mira', 604_800, 604_800, 1]],
  ],
  [
    'another address of the same /64 is not elsewhere',
    'first-seen-source',
    [
      ...repeated(3, 60, { outcome: 'accepted', user: 'mira', ip: '2001:db8::1' }),
      success({ at: 200, user: 'mira', ip: '2001:db8::2' }),
    ],
    [],
  ],
  [
    'an address is new to each user',
    'first-seen-source',
    [...repeated(5, 60, { outcome: 'accepted', user: 'mira' }), success({ at: 400, user: 'aylin' })],
    [],
  ],

  ['root by password', 'root-password', [success({ at: 5 })], [['root-password', 'web-1', A, 'root', 5, 5, 1]]],
  [
    'root by a password that PAM asked for',
    'root-password',
    [{ ...success({ at: 5 }), method: 'keyboard-interactive/pam' }],
    [['root-password', 'web-1', A, 'root', 5, 5, 1]],
  ],
  ['root by key', 'root-password', [key({ at: 5 })], []],
  ['another user by password', 'root-password', [success({ at: 5, user: 'mira' })], []],
  [
    'root by password from who knows where',
    'root-password',
    [success({ at: 5, ip: null })],
    [['root-password', 'web-1', null, 'root', 5, 5, 1]],
  ],

  [
    'a password where twenty came by key',
    'password-on-key-host',
    [...repeated(20, 60).map(key), success({ at: 2_000 })],
    [['password-on-key-host', 'web-1', A, 'root', 2_000, 2_000, 1]],
  ],
  ['a password where nineteen did', 'password-on-key-host', [...repeated(19, 60).map(key), success({ at: 2_000 })], []],
  [
    'the second password is no surprise',
    'password-on-key-host',
    [...repeated(20, 60).map(key), success({ at: 2_000 }), success({ at: 9_000 })],
    [['password-on-key-host', 'web-1', A, 'root', 2_000, 2_000, 1]],
  ],

  [
    'a key that was not used for 90 days',
    'dormant-key',
    used(0, DAYS_90),
    [['dormant-key', ...WEB, DAYS_90, DAYS_90, 1]],
  ],
  ['a key that was not used for a second less', 'dormant-key', used(0, DAYS_90 - 1), []],
  ['a key that is new', 'dormant-key', used(DAYS_90), []],
  [
    'a key that is used again after it came back',
    'dormant-key',
    used(0, DAYS_90, DAYS_90 + 60, 2 * DAYS_90, 3 * DAYS_90 + 61),
    [
      ['dormant-key', ...WEB, DAYS_90, DAYS_90, 1],
      ['dormant-key', ...WEB, 3 * DAYS_90 + 61, 3 * DAYS_90 + 61, 1],
    ],
  ],
  [
    'a key that was used on another host meanwhile',
    'dormant-key',
    [...used(0), { ...key({ at: 1_000_000, host: 'db' }), key: ED25519 }, ...used(DAYS_90)],
    [['dormant-key', ...WEB, DAYS_90, DAYS_90, 1]],
  ],
  [
    'a key that was used by another user, from elsewhere',
    'dormant-key',
    [...used(0), { ...key({ at: 1_000_000, user: 'mira', ip: null }), key: ED25519 }, ...used(DAYS_90)],
    [],
  ],
  [
    'another key of the same user',
    'dormant-key',
    [...used(0), { ...key({ at: DAYS_90 }), key: `RSA SHA256:${'r'.repeat(43)}` }],
    [],
  ],
  ['a key that was refused', 'dormant-key', [...used(0), { at: DAYS_90, method: 'publickey', key: ED25519 }], []],
  [
    'a login from who knows where',
    'dormant-key',
    used(0, DAYS_90).map((given) => ({ ...given, ip: null })),
    [['dormant-key', 'web-1', null, 'root', DAYS_90, DAYS_90, 1]],
  ],
  [
    'the logins of a busy key, and one long after them',
    'dormant-key',
    used(...Array.from({ length: 200 }, (_, i) => 900 * i), 900 * 199 + DAYS_90),
    [['dormant-key', ...WEB, 900 * 199 + DAYS_90, 900 * 199 + DAYS_90, 1]],
  ],
];

for (const [name, rule, events, incidents] of TABLE)
  test(`${rule}: ${name}`, () => {
    assert.deepEqual(rows(events, { config: only(rule) }), incidents);
  });

test('a break-in names where and as whom somebody got in, not what else was tried', () => {
  const [incident] = raised(
    [
      ...repeated(5, 1),
      success({ at: 10, host: 'db', user: 'mira' }),
      ...repeated(3, 60, { at: 60, host: 'web-2', user: 'nobody' }),
      success({ at: 400, host: 'web-3', user: 'deploy' }),
    ],
    { config: only('break-in') },
  );
  assert.equal(incident?.count, 5);
  assert.deepEqual(incident?.users, ['mira', 'deploy']);
  assert.deepEqual(incident?.hosts, ['db', 'web-3']);
  assert.equal(
    incident?.summary,
    `${A} got in on 2 hosts (db, web-3) as 2 users (mira, deploy) after trying again and again`,
  );
});

test('a success by key after probes alone is a warning; one with a failure among them is critical, beside it', () => {
  const probes = repeated(5, 1, { outcome: 'probe' });
  const incidents = (...more: Given[]): string[] =>
    raised([...probes, key({ at: 10 }), ...more], { config: only('break-in') }).map(
      ({ severity, openedAt }) => `${severity} ${(openedAt - START_MS) / 1_000}`,
    );
  assert.deepEqual(incidents(), ['warning 10']);
  assert.deepEqual(incidents(key({ at: 20 })), ['warning 10']);
  assert.deepEqual(incidents(success({ at: 20 })), ['warning 10', 'critical 20']);
  assert.deepEqual(incidents({ at: 15 }, key({ at: 20 })), ['warning 10', 'critical 20']);
  const probe: Given = { at: 500, outcome: 'probe' };
  assert.deepEqual(incidents(probe, key({ at: 909, host: 'db' })), ['warning 10']);
  assert.deepEqual(incidents(probe, key({ at: 910, host: 'db' })), ['warning 910', 'warning 10']);
  const [mild] = raised([...probes, key({ at: 10 })], { config: only('break-in') });
  assert.equal(
    mild?.summary,
    `${A} got in by key on web-1 as root after tries without any decision, as a client does that has several keys`,
  );
});

test('tries after a second break-in belong to that one, and the first closes', () => {
  const rows = new Rows();
  const engine = engineWith(rows);
  const given = [...repeated(5, 1), success({ at: 10 }), { at: 600 }, success({ at: 1_000, host: 'db' })];
  const changed = [...given, ...repeated(4, 400, { at: 1_200 })].map((one, i) => {
    engine.take(rows.of(stored(one, i + 1)));
    return engine.changes(START_MS + one.at * 1_000).flatMap((change) => {
      if (change.type !== 'incident' || change.incident.rule !== 'break-in') return [];
      const { host, count, closedAt } = change.incident;
      return [`${host} ${count} ${closedAt === null ? 'open' : (closedAt - START_MS) / 1_000}`];
    });
  });
  assert.deepEqual(changed.slice(5), [
    ['web-1 1 open'],
    ['web-1 2 open'],
    ['db 1 open'],
    ['db 2 open'],
    ['web-1 2 1500', 'db 3 open'],
    ['db 4 open'],
    ['db 5 open'],
  ]);
});

test('a failure that comes late makes a break-in critical, which takes the place of the warning', () => {
  const probes = repeated(5, 1, { outcome: 'probe' });
  const incidents = raised([...probes, key({ at: 10 }), { at: 4 }], { config: only('break-in') });
  assert.deepEqual(
    incidents.map(({ severity, evidence }) => [severity, evidence]),
    [['critical', [6]]],
  );
});

test('decoy: a user or a key that nobody has is used, whatever becomes of it', () => {
  const fingerprint = `SHA256:${'k'.repeat(43)}`;
  const config = { ...only('decoy'), decoys: { users: ['backup'], keys: [fingerprint] } };
  const summaries = (...given: Given[]): string[] =>
    raised(given, { config }).map(({ severity, summary }) => `${severity} ${summary}`);
  assert.deepEqual(summaries({ at: 0 }, key({ at: 1, key: `ED25519 SHA256:${'o'.repeat(43)}` })), []);
  const used = [`critical ${A} used the decoy backup on web-1`];
  assert.deepEqual(summaries({ at: 0, user: 'backup' }), used);
  assert.deepEqual(summaries({ at: 0, user: 'backup', outcome: 'probe' }), used);
  assert.deepEqual(summaries({ at: 0, user: 'backup', outcome: 'accepted' }, { at: 60, user: 'backup' }), used);
  assert.deepEqual(summaries({ at: 0, user: 'backup', ip: null }), [
    'critical an unknown address used the decoy backup on web-1',
  ]);
  for (const text of [
    `ED25519 ${fingerprint}`,
    `ED25519-CERT SHA256:${'o'.repeat(43)} ID mira (serial 3) CA ED25519 ${fingerprint}`,
  ])
    assert.deepEqual(summaries({ at: 0, method: 'publickey', user: 'mira', key: text }), [
      `critical ${A} used a decoy key as mira on web-1`,
    ]);
});

test('dormant-key: names the key and how long it was not used, and counts days as the rules file says', () => {
  const summaries = (days: number, given: readonly Given[]): string[] =>
    raised(given, { config: configWith({ 'dormant-key': { windowMs: days * 86_400_000 } }, only('dormant-key')) }).map(
      ({ severity, summary }) => `${severity} ${summary}`,
    );
  const words = `notice root logged in on web-1 from ${A} by a key that was not used there for 120 days: ${ED25519.slice(8)}`;
  assert.deepEqual(summaries(90, used(0, 120 * 86_400)), [words]);
  assert.deepEqual(summaries(121, used(0, 120 * 86_400)), []);
  const certificate = `${ED25519.replace('ED25519', 'ED25519-CERT')} ID mira (serial 3) CA RSA SHA256:${'c'.repeat(43)}`;
  const [first, second] = used(0, 120 * 86_400) as [Given, Given];
  assert.deepEqual(summaries(90, [first, { ...second, key: certificate }]), [words], 'a certificate of the same key');
});

test('dormant-key: a store knows keys of which no event is left', () => {
  const rows = new Rows();
  const web = rows.of(stored({ at: 0 }, 1))[5];
  const engine = engineWith(rows, { config: only('dormant-key') });
  const lastMs = START_MS - 100 * 86_400_000;
  const [fingerprint, other] = [ED25519.slice(8), `SHA256:${'o'.repeat(43)}`];
  assert.equal(engine.knowsKeys, false);
  engine.rememberKeys([
    { fingerprint, host: web, lastMs },
    { fingerprint: other, host: web, lastMs },
  ]);
  const again = engineWith(rows, { config: only('dormant-key') });
  again.restore(engine.checkpoint());
  assert.equal(again.knowsKeys, true);
  const ledger = new Ledger();
  for (const [i, given] of used(0, 60).entries()) again.take(rows.of(stored(given, i + 1)));
  ledger.drain(again, 60);
  assert.deepEqual(
    ledger.all().map(({ summary }) => summary),
    [`root logged in on web-1 from ${A} by a key that was not used there for 100 days: ${fingerprint}`],
  );
});

test('sshd-crash: sshd says that a process of it crashed, or penalises an address for it', () => {
  const probe = { at: 0, user: null, outcome: 'probe' } as const;
  const summaries = (reason: string, ip = A): string[] =>
    raised([{ ...probe, reason, ip }], { config: only('sshd-crash') }).map(
      ({ severity, summary }) => `${severity} ${summary}`,
    );
  const crashed = [`warning a process of sshd crashed on web-1 in a connection from ${A}`];
  assert.deepEqual(summaries('its process crashed'), crashed);
  assert.deepEqual(summaries('dropped: penalty: caused crash'), crashed);
  assert.deepEqual(summaries('dropped: penalty: failed authentication'), []);
});

test('an incident says by whose word it is, and whether the log that says so can be forged', () => {
  const by = (...trusts: Given['trust'][]) => {
    const [one] = raised(
      repeated(10, 1).map((given, i) => ({ ...given, trust: trusts[i % trusts.length] })),
      { config: only('brute-force') },
    );
    return [one?.trust, one?.vouched, one?.agent, one?.summary.slice(54)];
  };
  assert.deepEqual(by('syslog'), ['syslog', true, 'agent of web-1', 'as root']);
  assert.deepEqual(by('journal', 'forgeable'), ['forgeable', true, 'agent of web-1', 'as root (forgeable log)']);
  assert.deepEqual(by('forgeable'), ['forgeable', false, 'agent of web-1', 'as root (forgeable log)']);
  assert.deepEqual(by(null), [null, false, 'agent of web-1', 'as root (log of unknown trust)']);
});

test('times that were moved into order are not near each other, and no span of theirs is given', () => {
  const newestFirst = (count: number, everySeconds: number): Given[] =>
    repeated(count, everySeconds)
      .toReversed()
      .map((given) => ({ ...given, lag: 3 * 86_400 }));
  assert.deepEqual(raised(newestFirst(40, 3_600), { config: only('brute-force') }), []);
  assert.deepEqual(
    raised(
      newestFirst(200, 600).map((one, i) => ({ ...one, host: `h${i % 7}` })),
      { config: only('fleet-scan') },
    ).length > 0,
    true,
  );
  const [slow] = raised(newestFirst(40, 2_000), { config: only('slow-brute-force') });
  assert.equal(slow?.summary, `${A} tried to log in 30 times on web-1 in 16 h, as root`);
  const [fast] = raised(newestFirst(400, 2), { config: only('brute-force') });
  assert.match(fast?.summary ?? '', /times on web-1, as root/);
  // However many events are overdue by then, and settle together.
  for (let before = 10; before < 40; before += 1) {
    const setBack = [...repeated(before, 3_600, { at: 7_200 }), ...repeated(12, 1)];
    assert.deepEqual(
      raised(setBack, { config: only('brute-force') }).map(({ count }) => count),
      [12],
      `a clock that was set back after ${before} events hides no attack`,
    );
  }
});

test('first-seen-source: says so where a country or a network operator is the first of its user', () => {
  const places: Record<string, readonly [country: string, operator: string | null]> = {
    '198.51.100.1': ['DE', 'AS64500 Example'],
    '198.51.100.2': ['DE', 'AS64500 Example'],
    '192.0.2.1': ['DE', 'AS64501 Other'],
    '192.0.2.2': ['BR', null],
  };
  const originOf = (ip: string) => {
    const [country, operator] = places[ip] ?? [null, null];
    return { country, operator };
  };
  const known = repeated(3, 60, { outcome: 'accepted', user: 'mira', ip: '198.51.100.1' });
  const words = (...ips: string[]): (string | undefined)[] =>
    raised([...known, ...ips.map((ip, i) => success({ at: 1_000 * (i + 1), user: 'mira', ip }))], {
      config: only('first-seen-source'),
      originOf,
    }).map(({ summary }) => summary.split('never seen for this user before')[1]);
  assert.deepEqual(words('198.51.100.2'), ['']);
  assert.deepEqual(words('192.0.2.1'), [', the first time by AS64501 Other']);
  assert.deepEqual(words('192.0.2.2'), [', the first time from BR']);
  assert.deepEqual(words('203.0.113.1'), [''], 'of an address of which nothing is known, nothing is shown');
  assert.deepEqual(words('192.0.2.1', '192.0.2.2', '192.0.2.99'), [
    ', the first time by AS64501 Other',
    ', the first time from BR',
    '',
  ]);
  const before = raised(known, { config: only('first-seen-source') });
  assert.deepEqual(before, [], 'the first of all countries is no news');
});

test('an incident is open until its source has been quiet for fifteen minutes, by the clock', () => {
  const closed = (atSeconds: number): number | null | undefined =>
    raised(repeated(10, 1), { config: only('brute-force') }, atSeconds)[0]?.closedAt;
  assert.equal(closed(9 + 899), null);
  assert.equal(closed(9 + 900), START_MS + 909_000);
});

test('brute force is not slow brute force as well', () => {
  const rules = raised([...repeated(20, 60), ...repeated(40, 1, { at: 2_000 })]).map(({ rule }) => rule);
  assert.deepEqual(rules, ['brute-force']);
});

test('one scan of the fleet is one incident: the brute force on each host is a part of it', () => {
  const incidents = raised(
    Array.from({ length: 8 }, (_, host) => repeated(12, 1, { at: host * 20, host: `web-${host}` })).flat(),
  );
  const scan = incidents.filter(({ rule }) => rule === 'fleet-scan');
  assert.equal(scan.length, 1);
  const brute = incidents.filter(({ rule }) => rule === 'brute-force');
  assert.equal(brute.length, 8);
  assert.deepEqual([...new Set(brute.map(({ partOf }) => partOf))], [scan[0]?.id]);
});

test('brute force by another source, or long after the scan, is no part of it', () => {
  const scan = hosts(5);
  const incidents = raised([
    ...scan,
    ...repeated(10, 1, { at: 100, ip: '198.51.100.1' }),
    ...repeated(10, 1, { at: 5_000, host: 'web-1' }),
  ]);
  assert.deepEqual(
    incidents.filter(({ rule }) => rule === 'brute-force').map(({ partOf }) => partOf),
    [null, null],
  );
});

test('what comes late raises what it would have raised, marked as late', () => {
  assert.deepEqual(
    raised(repeated(10, 1, { lag: 600 })).map(({ late }) => late),
    [false],
  );
  assert.deepEqual(
    raised(repeated(10, 1, { lag: 601 })).map(({ late }) => late),
    [true],
  );
});

test('a late attack that still goes on is not late', () => {
  const [incident] = raised([...repeated(10, 1, { lag: 700 }), { at: 500, lag: 1 }]);
  assert.equal(incident?.late, false);
});

test('no rule reads events of allowed networks and users', () => {
  const allow = { addresses: ['203.0.113.0/24', '2001:db8::/32'], users: ['mira'] };
  assert.deepEqual(raised(repeated(10, 1), { allow }), []);
  assert.deepEqual(raised(repeated(10, 1, { ip: '2001:db8:1::1' }), { allow }), []);
  assert.deepEqual(raised(repeated(10, 1, { ip: '198.51.100.9', user: 'mira' }), { allow }), []);
  assert.equal(raised(repeated(10, 1, { ip: '198.51.100.9' }), { allow }).length, 1);
});

test('an event of a host whose clock is ahead is judged at the time it was stored', () => {
  const ahead = repeated(10, 1, { at: 86_400, lag: -86_400 });
  const [incident] = raised(ahead, { config: only('brute-force') });
  assert.equal(incident?.openedAt, START_MS + 9_000);
  const [near] = raised(repeated(10, 1, { at: 600, lag: -600 }), { config: only('brute-force') });
  assert.equal(near?.openedAt, START_MS + 609_000);
});

test('thresholds, windows and severities are as they are given', () => {
  const config = configWith({ 'brute-force': { count: 3, windowMs: 5_000, severity: 'critical' } });
  assert.deepEqual(raised(repeated(3, 3), { config }), []);
  assert.deepEqual(
    raised(repeated(3, 2), { config }).map(({ severity }) => severity),
    ['critical'],
  );
});

test('evidence is the first events and the last ones, and names are bounded', () => {
  const events = Array.from({ length: 1_000 }, (_, i) => ({ at: i / 100, user: `${'x'.repeat(900)}${i}` }));
  const [incident] = raised(events, { config: only('brute-force') });
  assert.equal(incident?.count, 1_000);
  assert.deepEqual(incident?.evidence, [
    ...Array.from({ length: 10 }, (_, i) => i + 1),
    ...Array.from({ length: 10 }, (_, i) => 991 + i),
  ]);
  assert.equal(incident?.users.length, 64);
  assert.ok(incident?.users.every((user) => user.length < 70));
  assert.equal(incident?.more, true);
  assert.ok((incident?.summary.length ?? 0) < 400, incident?.summary);
});
