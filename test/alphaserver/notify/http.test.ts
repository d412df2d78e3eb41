import assert from 'node:assert/strict';
import test from 'node:test';
import { postTo } from '../../../alphaserver/notify/http.ts';
import { jsonPost } from '../../../alphaserver/notify/post.ts';
import { HttpReceiver } from './receivers.ts';

test('a receiver that does not answer in time is a fault that may pass', async () => {
  const http = await new HttpReceiver().open();
  try {
    http.answers.push(null);
    const post = jsonPost(`${http.url}/secret`, {});
    const delivery = await postTo(post, [], new AbortController().signal, Date.now(), 100);
    assert.deepEqual(delivery, {
      ok: false,
      fault: `no answer from ${http.url} within 0.1 s`,
      retryAfterMs: null,
      refused: false,
    });
  } finally {
    http.close();
  }
});

test('a long answer is cut, and cannot forge a line', async () => {
  const http = await new HttpReceiver().open();
  try {
    http.answers.push({ status: 500, body: `a\n\u001b[31m${'b'.repeat(100_000)}` });
    const delivery = await postTo(jsonPost(http.url, {}), [], new AbortController().signal, Date.now());
    assert.ok(!delivery.ok);
    assert.ok(delivery.fault.length < 300, delivery.fault);
    assert.match(delivery.fault, /^HTTP 500 from http:\/\/127\.0\.0\.1:\d+: a \\u001b\[31mbbb/);
  } finally {
    http.close();
  }
});
