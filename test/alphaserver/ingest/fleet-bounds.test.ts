import assert from 'node:assert/strict';
import test from 'node:test';
import {
  AGENTS_LIMIT,
  FleetBounds,
  HOSTS_LIMIT,
  HOSTS_PER_AGENT_LIMIT,
  NEW_AGENTS_AT_ONCE,
  NEW_HOSTS_AT_ONCE,
} from '../../../alphaserver/ingest/fleet-bounds.ts';
import { HELLO_DELAY_LIMIT_MS } from '../../../protocol/messages.ts';

const empty = { agents: [], hosts: [] };

test('one agent is slowed down above so many new hosts, and refused at its limit; another goes on', () => {
  const bounds = new FleetBounds(empty);
  const delays = Array.from({ length: HOSTS_PER_AGENT_LIMIT }, (_, i) => bounds.host('a', `h${i}`, 0));
  const slowed = delays.findIndex((one) => 'delayMs' in one && one.delayMs > 0);
  // The first host is the agent's own.
  assert.equal(slowed, NEW_HOSTS_AT_ONCE + 1);
  assert.deepEqual(delays[slowed], { delayMs: 10 });
  const refused = bounds.host('a', 'one more', 0);
  assert.ok('fault' in refused);
  assert.match(
    refused.fault,
    /^this agent has named 10000 hosts, which is the limit for one; "alphaserver forget host NAME"/,
  );
  assert.deepEqual(bounds.host('a', 'h7', 0), { delayMs: 0 });
  assert.deepEqual(bounds.host('b', 'one more', 0), { delayMs: 0 });
  assert.match(bounds.helloFault('a', 'own') ?? '', /limit for one/);
});

test('hosts are bounded in all, and forgetting one makes room', () => {
  const hosts = Array.from({ length: HOSTS_LIMIT }, (_, i) => ({ host: `h${i}`, agent: `a${i % 10}` }));
  const bounds = new FleetBounds({ agents: ['a0'], hosts });
  const refused = bounds.host('b', 'new', 0);
  assert.ok('fault' in refused);
  assert.match(refused.fault, /^this server knows 50000 hosts/);
  bounds.forget([], ['h3']);
  assert.deepEqual(bounds.host('b', 'new', 0), { delayMs: 0 });
});

test('new agents wait above so many at once, and are refused at the limit; those known are let in', () => {
  const bounds = new FleetBounds(empty);
  const delays = Array.from({ length: AGENTS_LIMIT }, (_, i) => bounds.hello(`a${i}`, 'h', 0));
  assert.equal(
    delays.findIndex((delayMs) => delayMs > 0),
    NEW_AGENTS_AT_ONCE,
  );
  assert.equal(Math.max(...delays), HELLO_DELAY_LIMIT_MS);
  assert.match(bounds.helloFault('new', 'h') ?? '', /^this server knows 50000 agents, which is its limit/);
  assert.equal(bounds.helloFault('a7', 'h'), null);
  bounds.forget(['a7'], []);
  assert.equal(bounds.helloFault('new', 'h'), null);
});
