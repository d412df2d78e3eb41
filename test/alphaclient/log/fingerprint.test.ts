import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sameInode } from '../../../alphaclient/log/fingerprint.ts';

test('a file that was just made is not the one that had its inode before, where birth times are known', () => {
  const known = { id: '1:2', born: '5' };
  assert.equal(sameInode(known, { id: '1:2', born: null, givenBorn: '9' }), false);
  assert.equal(sameInode(known, { id: '1:2', born: null, givenBorn: '5' }), true);
  assert.equal(sameInode(known, { id: '1:2', born: '6', givenBorn: '6' }), false);
  assert.equal(sameInode(known, { id: '1:3', born: '5', givenBorn: '5' }), false);
});

test('without birth times device and inode decide', () => {
  assert.equal(sameInode({ id: '1:2', born: null }, { id: '1:2', born: null, givenBorn: '9' }), true);
  assert.equal(sameInode({ id: '1:2', born: null }, { id: '1:2', born: '9', givenBorn: '9' }), true);
});
