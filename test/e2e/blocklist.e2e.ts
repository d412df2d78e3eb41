/** Real nft and ipset take the blocklist, in a network namespace of the test's own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { settingsIn } from '../../alphaserver/alert-config/rules-file.ts';
import { blocked, formatted } from '../../alphaserver/alerting/blocklist.ts';
import { incident } from '../alphaserver/detection/incidents.ts';
import { has, lacking, works } from './machine.ts';

const NOW = Date.parse('2026-11-24T10:01:00Z');
const list = blocked(
  ['192.0.2.1', '198.51.100.7', '2001:db8:1:2::/64', '2001:db8:1:2::5', '2001:db8::7'].map((source) =>
    incident({ source }),
  ),
  { settings: settingsIn('{}', 'rules.json'), withPrivate: false, nowMs: NOW, identityOf: () => null },
);

/** Runs a shell script in a network namespace that is gone with it; the list is its standard input. */
function alone(script: string, input: string): string {
  const { status, stdout, stderr } = spawnSync('unshare', ['-n', 'sh', '-ec', script], {
    encoding: 'utf8',
    input,
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
  });
  assert.equal(status, 0, stderr);
  return stdout;
}
const namespaces = works('unshare', '-n', 'true');

test('nft checks and takes the list, also again over the one before', {
  skip: lacking('the blocklist in nft', { nft: has('nft'), 'network namespaces (root)': namespaces }),
}, () => {
  const output = alone(
    'cat > /dev/shm/$$.nft; trap "rm /dev/shm/$$.nft" EXIT; nft -c -f /dev/shm/$$.nft; nft -f /dev/shm/$$.nft; nft -f /dev/shm/$$.nft; nft list ruleset',
    formatted(list, 'nftables', NOW),
  );
  for (const { address } of list) assert.ok(output.includes(address), output);
});

test('ipset takes the list, also again over the one before', {
  skip: lacking('the blocklist in ipset', {
    ipset: has('ipset'),
    'network namespaces (root)': namespaces,
    "the kernel's ip_set":
      namespaces && works('unshare', '-n', 'sh', '-c', 'PATH=$PATH:/usr/sbin:/sbin; ipset create x hash:net'),
  }),
}, () => {
  const file = '/dev/shm/$$.ipset';
  const output = alone(
    `cat > ${file}; trap "rm ${file}" EXIT; ipset restore < ${file}; ipset restore < ${file}; ipset save`,
    formatted(list, 'ipset', NOW),
  );
  for (const { address } of list) assert.ok(output.includes(address), output);
});
