import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withSettings } from '../../alphaclient/commands/settings-file.ts';

test('a setting replaces those of its name, and all other lines stay as they are', () => {
  const before = '# mine\nA=1\nexport B = "2"\n#A=comment\n\nC=3\nA=4';
  assert.equal(withSettings(before, { A: '5', B: null, D: 'x' }), '# mine\n#A=comment\n\nC=3\nA=5\nD=x\n');
  assert.equal(withSettings('', { A: 'tls://[2001:db8::1]:5000' }), 'A=tls://[2001:db8::1]:5000\n');
});

test('a value with a space is quoted, and one that the readers take differently is refused', () => {
  assert.equal(withSettings('', { A: '/a b/c' }), 'A="/a b/c"\n');
  for (const value of ['a"b', 'a\\b', 'a$b', 'a`b', 'a\nb'])
    assert.throws(() => withSettings('', { A: value }), RangeError);
});
