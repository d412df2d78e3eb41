/** A host that sends its request again to another server: two servers that share a log of decisions, which is in memory here. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Authority, authorityFolder } from '../../../alphaserver/ingest/authority.ts';
import { codeName, JoinCodes } from '../../../alphaserver/ingest/join-codes.ts';
import { JoinedHosts } from '../../../alphaserver/ingest/joined-hosts.ts';
import { type Joined, Joining, letIn } from '../../../alphaserver/ingest/joining.ts';
import { CODE_DECISION, JOIN_DECISION, SharedJoins } from '../../../alphaserver/shared-log/shared-joins.ts';
import type { Decision } from '../../../alphaserver/store/decisions.ts';
import { encodeJoinCode } from '../../../protocol/join-code.ts';
import { makeRequest } from '../../../service/certificates.ts';
import { until } from '../../until.ts';

let folder: string;
let log: Decision[];
let authority: Authority;
let nowMs: number;
let servers: Server[];

/** One of the servers. It has taken over what stands in the log up to its position. */
class Server {
  readonly folder = mkdtempSync(join(folder, 'server-'));
  readonly codes = new JoinCodes(this.folder);
  readonly hosts = new JoinedHosts(this.folder);
  readonly joins: SharedJoins;
  readonly joining: Joining;
  readonly failures: unknown[] = [];
  #position = 0;

  constructor() {
    this.joins = new SharedJoins({
      codes: this.codes,
      hosts: this.hosts,
      apply: ({ kind, subject, body }) => {
        if (kind === CODE_DECISION) this.codes.add(subject, body);
        if (kind === JOIN_DECISION) letIn(this.codes, this.hosts, subject, body as Joined);
      },
      decide: async (decisions) => {
        for (const one of decisions) log.push({ ...one, id: log.length + 1, at: nowMs } as unknown as Decision);
      },
      after: (id, limit) => log.slice(id, id + limit),
      position: () => this.#position,
      moved: (id) => {
        this.#position = id;
      },
      failed: (error) => this.failures.push(error),
    });
    const quiet = { info: () => {}, warn: () => {} };
    const claim = (code: string, joined: Joined): Promise<void> => this.joins.join(code, joined);
    this.joining = new Joining({
      authority,
      codes: this.codes,
      hosts: this.hosts,
      claim,
      log: quiet,
      now: () => nowMs,
    });
  }
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-shared-joins-'));
  log = [];
  nowMs = Date.now();
  authority = new Authority(authorityFolder(folder));
  await authority.init('server', ['asgard.example'], nowMs);
  servers = [new Server(), new Server()];
});
afterEach(async () => {
  for (const { joins, failures } of servers) {
    await joins.close();
    assert.deepEqual(failures, []);
  }
  rmSync(folder, { recursive: true });
});

/** Joins by a code that the first server made, at that server. The second one has the code, and not the use of it. */
async function joined() {
  const [one, two] = servers as [Server, Server];
  const secret = one.codes.make({ name: 'web-01', hosts: null, count: 1, endsMs: nowMs + 3_600_000 }, nowMs);
  const name = codeName(secret);
  log.push({ kind: CODE_DECISION, subject: name, by: null, body: one.codes.content(name), id: 1 } as Decision);
  for (const { joins } of servers) joins.decided();
  const code = encodeJoinCode({ fingerprint: authority.fingerprint(), secret });
  const { request } = await makeRequest('web-01');
  const enroll = async ({ joining }: Server) => {
    const message = { type: 'enroll', version: 1, code, csr: request, host: 'web-01' } as const;
    const answer = await joining.enroll(message, '192.0.2.7');
    assert.ok('certificate' in answer, JSON.stringify(answer));
    return { name: 'web-01', fromMs: Date.parse(new X509Certificate(answer.certificate).validFrom) };
  };
  return { one, two, name, enroll, first: await enroll(one) };
}

test('a host whose answer was lost gets one from another server, and both certificates are good at both', async () => {
  const { one, two, enroll, first } = await joined();
  nowMs += 5_000;
  const second = await enroll(two);
  one.joins.decided();
  for (const { hosts } of [one, two])
    assert.deepEqual([hosts.fault(first), hosts.fault(second), hosts.isTaken('web-01')], [null, null, true]);
});

test('a repeat at a server that does not know of the revocation yet is of no use once it does', async () => {
  const { one, two, enroll } = await joined();
  nowMs += 5_000;
  one.hosts.revoke('web-01', nowMs);
  nowMs += 5_000;
  const again = await enroll(two);
  one.joins.decided();
  copyFileSync(join(one.folder, 'revoked.json'), join(two.folder, 'revoked.json'));
  for (const { hosts } of [one, two]) {
    hosts.refresh();
    assert.equal(hosts.fault(again), 'its certificate was revoked');
    assert.equal(hosts.isTaken('web-01'), false);
  }
});

test('a host that joined elsewhere while the code could not be read here is known once it can', async () => {
  const { two, name } = await joined();
  const file = join(two.folder, 'codes', `${name}.json`);
  renameSync(file, `${file}.aside`);
  mkdirSync(file);
  assert.throws(() => two.joins.decided(), { code: 'EISDIR' });
  rmdirSync(file);
  renameSync(`${file}.aside`, file);
  // Nothing more is decided.
  await until(() => two.hosts.isTaken('web-01'));
});

test('a code that cannot be read keeps no other one back, and is reported once', async () => {
  const [one] = servers as [Server];
  const terms = { name: null, hosts: null, count: 1, endsMs: nowMs + 3_600_000 };
  const given = (secret: Buffer) => until(() => log.some(({ subject }) => subject === codeName(secret)));
  await given(one.codes.make(terms, nowMs));
  mkdirSync(join(one.folder, 'codes', `${'a'.repeat(64)}.json`));
  for (const _ of [1, 2]) await given(one.codes.make(terms, nowMs));
  assert.deepEqual(
    one.failures.splice(0).map((error) => (error as NodeJS.ErrnoException).code),
    ['EISDIR'],
  );
});
