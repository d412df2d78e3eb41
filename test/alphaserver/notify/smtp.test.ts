/** Mail servers that do not come to an end. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { Delivery } from '../../../alphaserver/notify/delivery.ts';
import { mailTo } from '../../../alphaserver/notify/smtp.ts';
import { until } from '../../until.ts';
import { SmtpReceiver } from './receivers.ts';

async function receiver(t: TestContext, greets: SmtpReceiver['greets']): Promise<SmtpReceiver> {
  const smtp = await new SmtpReceiver().open();
  t.after(() => smtp.close());
  smtp.greets = greets;
  return smtp;
}

const send = (smtp: SmtpReceiver, signal: AbortSignal, limitMs?: number): Promise<Delivery> => {
  const mail = { from: 'a@a.example', to: ['b@b.example'], subject: 's', text: 't', html: 'h', messageId: '<x@y>' };
  return mailTo({ server: smtp.url, allowPlain: true, mail }, [], signal, limitMs);
};
const faultOf = (delivery: Delivery): string => (delivery.ok ? 'none' : delivery.fault);

test('an abort ends a mail at once, and closes its connection', async (t) => {
  const smtp = await receiver(t, 'never');
  const ending = new AbortController();
  const delivery = send(smtp, ending.signal);
  await until(() => smtp.heard.includes('EHLO'));
  ending.abort();
  assert.match(faultOf(await delivery), /aborted/);
  await until(() => smtp.connections === 0);
});

test('an abort before the beginning sends nothing', async (t) => {
  const smtp = await receiver(t, 'well');
  assert.match(faultOf(await send(smtp, AbortSignal.abort())), /aborted/);
  assert.equal(smtp.heard, '');
});

test('a server that answers without an end is left after the limit', async (t) => {
  const smtp = await receiver(t, 'endlessly');
  const delivery = await send(smtp, new AbortController().signal, 200);
  assert.equal(faultOf(delivery), 'mail server 127.0.0.1: the mail was not taken within 0.2 s');
  await until(() => smtp.connections === 0);
});
