/** Renewals of an agent's certificate: real keys, certificates and files, and the hours as calls. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { IdentityRenewal, writeIdentity } from '../../../alphaclient/uplink/identity-file.ts';
import { Renewals } from '../../../alphaclient/uplink/renewals.ts';
import { makeAuthority, makeRequest, sign } from '../../../service/certificates.ts';
import { until } from '../../until.ts';

const DAY_MS = 86_400_000;
const WANTED = { name: 'web-01', usage: 'agent', alternativeNames: [], days: 365 } as const;
const UNREADABLE = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n';

let folder: string;
let file: string;
let logged: string[];
let requests: string[];
let renewals: Renewals;
let signed: (request: string) => Promise<string>;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'renewals-'));
  file = join(folder, 'identity.pem');
  logged = [];
  requests = [];
  const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
  const authority = await makeAuthority('a', nowMs - 400 * DAY_MS);
  const { request, key } = await makeRequest('web-01');
  writeIdentity(file, await sign(authority, request, WANTED, nowMs - 200 * DAY_MS), key);
  signed = (asked) => sign(authority, asked, WANTED, nowMs);
  const log = (text: string) => void logged.push(text);
  renewals = new Renewals(new IdentityRenewal(file, { info: log }), { warn: log });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Begins a connection and waits for the request on it. */
async function asked(): Promise<string> {
  const before = requests.length;
  renewals.begin((request) => void requests.push(request));
  renewals.look(Date.now());
  await until(() => requests.length > before);
  return requests.at(-1) as string;
}

for (const what of ['for another key', 'that cannot be read'])
  test(`a certificate ${what} is reported once on a connection, and the next one asks again`, async () => {
    const identity = readFileSync(file, 'utf8');
    for (const connection of [1, 2]) {
      await asked();
      const wrong = what === 'for another key' ? await signed((await makeRequest('web-01')).request) : UNREADABLE;
      renewals.take(wrong);
      renewals.take(wrong);
      for (let hour = 0; hour < 3; hour++) renewals.look(Date.now());
      equal(logged.length, connection, logged.join('\n'));
      match(
        logged.at(-1) ?? '',
        new RegExp(`not renewed: the server sent a certificate ${what}; the next connection .*alphaclient join`),
      );
      equal(requests.length, connection);
    }
    equal(readFileSync(file, 'utf8'), identity);
    renewals.take(await signed(await asked()));
    match(logged.at(-1) ?? '', /^The certificate is renewed until /);
  });

test('a certificate that cannot be written is kept until it can be', async () => {
  const request = await asked();
  rmSync(folder, { recursive: true });
  renewals.take(await signed(request));
  renewals.look(Date.now());
  equal(logged.length, 2);
  match(logged[1] ?? '', /^The certificate is not renewed: ENOENT.*; trying again in an hour$/);
  mkdirSync(folder);
  renewals.look(Date.now());
  match(logged[2] ?? '', /^The certificate is renewed until /);
  equal(requests.length, 1);
});

test('a certificate that nobody asked for is reported and replaces nothing', async () => {
  renewals.begin(null);
  renewals.take(await signed((await makeRequest('web-01')).request));
  deepEqual(
    logged.map((text) => text.split(';')[0]),
    ['The certificate is not renewed: the server sent a certificate that nobody asked for'],
  );
  equal(Date.parse(new X509Certificate(readFileSync(file)).validFrom) < Date.now() - 199 * DAY_MS, true);
});
