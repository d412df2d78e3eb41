import assert from 'node:assert/strict';
import test from 'node:test';
import { EventHosts } from '../../alphaclient/event-host.ts';

test('a log is of others while its newest lines name another host, after a restart too', () => {
  const hosts = new EventHosts('web-1.example', null);
  assert.equal(hosts.isOfOthers, false);
  hosts.observe([null, 'old-name']);
  assert.equal(hosts.isOfOthers, true);
  assert.equal(new EventHosts('web-1', JSON.parse(JSON.stringify(hosts.save()))).isOfOthers, true);
  // The machine was renamed, and its log went on.
  hosts.observe(['WEB-1', null]);
  assert.equal(hosts.isOfOthers, false);
  assert.equal(new EventHosts('web-1', JSON.parse(JSON.stringify(hosts.save()))).isOfOthers, false);
  // Two other names: it collects those of many hosts, whichever wrote last.
  hosts.observe(['db-1', 'web-1']);
  assert.equal(hosts.isOfOthers, true);
});
