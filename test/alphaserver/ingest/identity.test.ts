import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { matchesAny } from '../../../alphaserver/ingest/host-pattern.ts';
import { Identities, type Identity, NEW_IDS_LIMIT, NEW_IDS_SPAN_MS } from '../../../alphaserver/ingest/identity.ts';
import type { Binding } from '../../../alphaserver/store/store.ts';
import type { Hello } from '../../../protocol/messages.ts';

const token = (name: string, hosts: string | null = null): Identity => ({ key: `token:${name}`, hosts, ownHost: null });
const hello = (agent: string, more: Partial<Hello> = {}): Hello => ({
  type: 'hello',
  version: 1,
  agent,
  host: 'web-1',
  token: null,
  run: null,
  ...more,
});
const bound = (agent: string, more: Partial<Binding> = {}): Binding => ({
  agent,
  host: 'web-1',
  identity: 'token:web-1',
  firstSeenMs: 0,
  hasEnded: false,
  ...more,
});
const messageOf = (verdict: ReturnType<Identities['judge']>): string =>
  verdict.admitted ? 'admitted' : verdict.message;

test('an agent id belongs to the identity that used it first', () => {
  const identities = new Identities([]);
  assert.deepEqual(identities.judge(token('web-1'), hello('a'), 0), {
    admitted: true,
    change: { identity: 'token:web-1', ends: null, isClone: false },
    notes: [],
  });
  assert.match(messageOf(identities.judge(token('thief'), hello('a', { host: 'thief' }), 0)), /belongs to another/);
  assert.match(messageOf(identities.judge(null, hello('a'), 0)), /which it must show/);
  assert.equal(messageOf(identities.judge(token('web-1'), hello('a'), 0)), 'admitted');
});

test('an agent of an earlier version is bound at its next hello, which is noted', () => {
  const identities = new Identities([bound('a', { identity: null })]);
  const verdict = identities.judge(token('web-1'), hello('a'), 0);
  assert.deepEqual(verdict.admitted && verdict.notes, ['Agent a is bound to token:web-1']);
  assert.match(messageOf(identities.judge(token('thief'), hello('a'), 0)), /belongs to another/);
});

test('an identity speaks for the host of its first hello, for its pattern, or for the name in its certificate', () => {
  const identities = new Identities([]);
  assert.equal(messageOf(identities.judge(token('one'), hello('a'), 0)), 'admitted');
  assert.match(
    messageOf(identities.judge(token('one'), hello('a', { host: 'db-1' }), 0)),
    /speaks for host web-1 alone/,
  );
  assert.match(
    messageOf(identities.judge(token('one'), hello('b', { host: 'db-1' }), 0)),
    /speaks for host web-1 alone/,
  );
  const collector = token('collector', 'web-*,db-?');
  assert.equal(messageOf(identities.judge(collector, hello('c', { host: 'db-1' }), 0)), 'admitted');
  assert.match(messageOf(identities.judge(collector, hello('c', { host: 'db-10' }), 0)), /hosts web-\*,db-\? alone/);
  const certificate = { key: 'certificate:web-9', hosts: null, ownHost: 'web-9' };
  assert.match(messageOf(identities.judge(certificate, hello('d'), 0)), /speaks for host web-9 alone/);
  assert.equal(messageOf(identities.judge(certificate, hello('d', { host: 'web-9' }), 0)), 'admitted');
  assert.equal(identities.eventHostFault(token('one'), 'web-1', 'web-1'), null);
  assert.match(identities.eventHostFault(token('one'), 'web-1', 'db-1') ?? '', /--hosts PATTERN/);
  assert.equal(identities.eventHostFault(collector, 'db-1', 'web-7'), null);
  assert.equal(identities.eventHostFault(null, 'web-1', 'anything'), null);
});

test('a new agent id of an identity ends the old one; the old one that comes back is a clone', () => {
  const identities = new Identities([bound('a')]);
  const fresh = identities.judge(token('web-1'), hello('b'), 0);
  assert.deepEqual(fresh.admitted && fresh.change, { identity: 'token:web-1', ends: 'a', isClone: false });
  const back = identities.judge(token('web-1'), hello('a'), 0);
  assert.deepEqual(back.admitted && back.change, { identity: 'token:web-1', ends: 'b', isClone: true });
  const afterRestart = new Identities([bound('a', { hasEnded: true }), bound('b')]).judge(
    token('web-1'),
    hello('a'),
    0,
  );
  assert.equal(afterRestart.admitted && afterRestart.change?.isClone, true);
});

test('an identity brings as many new ids within a day as the limit, and no more', () => {
  const identities = new Identities([]);
  for (let i = 0; i < NEW_IDS_LIMIT; i++)
    assert.equal(messageOf(identities.judge(token('web-1'), hello(randomUUID()), i)), 'admitted');
  assert.match(messageOf(identities.judge(token('web-1'), hello(randomUUID()), NEW_IDS_LIMIT)), /within a day/);
  assert.equal(messageOf(identities.judge(token('web-1'), hello(randomUUID()), NEW_IDS_SPAN_MS)), 'admitted');
});

test('a restart brings another run; a run that comes back after another is a second process', () => {
  const identities = new Identities([]);
  const runs = [randomUUID(), randomUUID(), randomUUID()];
  const isClone = (run: string | null): boolean => {
    const verdict = identities.judge(token('web-1'), hello('a', { run }), 0);
    return verdict.admitted && verdict.change?.isClone === true;
  };
  assert.deepEqual(runs.map(isClone), [false, false, false]);
  assert.equal(isClone(runs[2] as string), false, 'the same process connects again');
  assert.equal(isClone(null), false, 'an older agent says none');
  assert.equal(isClone(runs[0] as string), true);
});

test('patterns match whole names, letters of both cases alike, in time that grows with their length alone', () => {
  for (const [pattern, name, matches] of [
    ['web-*', 'web-1', true],
    ['web-*', 'WEB-', true],
    ['web-*', 'a-web-1', false],
    ['*.example.org', 'a.b.example.org', true],
    ['*.example.org', 'example.org', false],
    ['db-?', 'db-10', false],
    ['a,b', 'b', true],
    ['a, b', 'b', true],
    ['*', '', true],
    ['', 'a', false],
    ['a.b', 'axb', false],
  ] as const)
    assert.equal(matchesAny(pattern, name), matches, `${pattern} ${name}`);
  // A backtracking matcher would take longer than the universe is old.
  assert.equal(matchesAny('*a'.repeat(400), 'a'.repeat(254).concat('b')), false);
});
