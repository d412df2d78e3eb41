/** Which log is followed where no setting names one. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { chooseDefaultLog, waitForLog } from '../../../alphaclient/log/default-log.ts';

const [SSHD, AUTH, SECURE] = ['/var/log/sshd.log', '/var/log/auth.log', '/var/log/secure'];

test('where nothing was read, the first default log there is is followed', () => {
  assert.deepEqual(chooseDefaultLog(AUTH, [], null), { name: AUTH, other: null });
  assert.deepEqual(chooseDefaultLog('journald', ['/srv/sshd.log'], '/srv/sshd.log'), { name: 'journald', other: null });
  assert.equal(chooseDefaultLog(null, [], null), null);
});

test('a default log that was read is followed on, whatever others there are, and though it is not there', () => {
  assert.deepEqual(chooseDefaultLog(AUTH, ['journald'], 'journald'), { name: 'journald', other: AUTH });
  assert.deepEqual(chooseDefaultLog('journald', [AUTH], AUTH), { name: AUTH, other: 'journald' });
  assert.deepEqual(chooseDefaultLog(AUTH, [AUTH], AUTH), { name: AUTH, other: null });
  assert.deepEqual(chooseDefaultLog(null, [SECURE], SECURE), { name: SECURE, other: null });
});

test('of several that were read, the one followed last is followed on, else the one there is', () => {
  const read = ['journald', SECURE, AUTH];
  assert.deepEqual(chooseDefaultLog(AUTH, read, 'journald'), { name: 'journald', other: AUTH });
  assert.deepEqual(chooseDefaultLog(SSHD, read, 'journald'), { name: 'journald', other: SSHD });
  // An earlier version does not say which it was, or another one was set by ALPHACLIENT_LOG meanwhile.
  assert.deepEqual(chooseDefaultLog('journald', read, null), { name: 'journald', other: null });
  assert.deepEqual(chooseDefaultLog('journald', read, '/srv/sshd.log'), { name: 'journald', other: null });
  assert.deepEqual(chooseDefaultLog(SSHD, read, null), { name: AUTH, other: SSHD });
});

test('a log that was set out on and never read is none that was read', () => {
  assert.deepEqual(chooseDefaultLog(AUTH, [], 'journald'), { name: AUTH, other: null });
});

test('a search for a log that goes on for long leaves nothing behind at what stops it', async () => {
  const stopped = new AbortController();
  const listeners: number[] = [];
  const found = waitForLog(() => {
    listeners.push(getEventListeners(stopped.signal, 'abort').length);
    if (listeners.length === 3) return { name: AUTH, other: null };
    return null;
  }, stopped.signal);
  assert.deepEqual(await found, { name: AUTH, other: null });
  assert.deepEqual(listeners, [0, 0, 0]);
  assert.equal(getEventListeners(stopped.signal, 'abort').length, 0);
});

test('a search for a log ends at once when it is stopped', async () => {
  const stopped = new AbortController();
  let searches = 0;
  const found = waitForLog(() => {
    searches += 1;
    setImmediate(() => stopped.abort());
    return null;
  }, stopped.signal);
  assert.equal(await found, null);
  assert.equal(searches, 1);
  assert.equal(await waitForLog(() => ({ name: AUTH, other: null }), stopped.signal), null);
});
