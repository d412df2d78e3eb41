import assert from 'node:assert/strict';
import { test } from 'node:test';
import { baseNameOf, compareAge, rotationOf } from '../../../alphaclient/log/rotation.ts';

test('a rotated file names its log, in every form that rotation gives names', () => {
  const names = {
    'auth.log': [
      'auth.log',
      'auth.log.1',
      'auth.log.0',
      'auth.log.12.gz',
      'auth.log-20261124',
      'auth.log.2026-11-24.xz',
    ],
    secure: ['secure', 'secure-20261124', 'secure-20261124-1795000000.bz2', 'secure.1.zst', 'secure_202611'],
    'sshd.log': ['sshd.log', 'sshd-20261124.log', 'sshd.2026-11-24.log.gz', 'sshd.log-20261124T10'],
  };
  for (const [log, rotated] of Object.entries(names))
    for (const name of rotated) {
      assert.equal(baseNameOf(name), log, name);
      assert.equal(rotationOf(log, name) === null, name === log, name);
    }
});

test('a number or an address in a name is no rotation', () => {
  for (const name of [
    'web-192.168.1.10.log',
    'server-2.log',
    'auth2',
    'host-20.log',
    'sshd-991301.log',
    'log-19999999',
  ])
    assert.equal(baseNameOf(name), name);
});

test('rotated files sort oldest first: by number, by date, and by their times where names do not compare', () => {
  const ages = ['auth.log.1', 'auth.log.2.gz', 'auth.log.10'].map((name) => ({
    name,
    rotation: rotationOf('auth.log', name),
    mtimeMs: 0,
  }));
  assert.deepEqual(
    ages.sort(compareAge).map(({ name }) => name),
    ['auth.log.10', 'auth.log.2.gz', 'auth.log.1'],
  );
  const dated = ['auth.log-20261124', 'auth.log-20261023.xz'].map((name) => rotationOf('auth.log', name));
  const [newer = null, older = null] = dated;
  assert.ok(compareAge({ rotation: older, mtimeMs: 9 }, { rotation: newer, mtimeMs: 1 }) < 0);
  const numbered = rotationOf('auth.log', 'auth.log.1');
  assert.ok(compareAge({ rotation: numbered, mtimeMs: 9 }, { rotation: newer, mtimeMs: 1 }) > 0);
});
