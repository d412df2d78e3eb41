/** A real Alertmanager takes notifications, and resolves an incident that is over. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import type { Notification } from '../../alphaserver/notify/message.ts';
import { sender } from '../../alphaserver/notify/send.ts';
import { incident } from '../alphaserver/detection/incidents.ts';
import { freePort } from '../free-port.ts';
import { until } from '../until.ts';
import { has, lacking } from './machine.ts';

const PROGRAM = 'prometheus-alertmanager';

interface Alert {
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
  readonly endsAt: string;
  readonly generatorURL: string;
}

test('Alertmanager shows an incident while it is open, whatever its names hold', {
  skip: lacking('the Alertmanager form', { [PROGRAM]: has(PROGRAM) }),
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'alertmanager-'));
  writeFileSync(join(folder, 'alertmanager.yml'), 'route: { receiver: none }\nreceivers: [{ name: none }]\n');
  const port = await freePort();
  const child = spawn(
    PROGRAM,
    [
      `--config.file=${folder}/alertmanager.yml`,
      `--storage.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      // Alone: it looks for no others.
      '--cluster.listen-address=',
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise((done) => child.once('close', done));
  try {
    const url = `http://127.0.0.1:${port}`;
    await until(() =>
      fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    const alerts = async (): Promise<Alert[]> => (await fetch(`${url}/api/v2/alerts`)).json() as Promise<Alert[]>;
    const now = Date.now();
    const user = '{{ .Labels }} "x" \\ ü';
    const open = incident({ openedAt: now - 60_000, lastAt: now, users: [user], summary: `failed as ${user}` });
    const deliver = (notification: Notification) =>
      sender('https://asgard.example', Date.now)(
        { type: 'alertmanager', url, severity: 'notice', resolved: true },
        { id: 'm', madeAt: now, notifications: [notification], count: 1, test: false },
        new AbortController().signal,
      );
    assert.deepEqual(await deliver({ kind: 'opened', incident: open }), { ok: true });
    await until(async () => (await alerts()).length === 1);
    const [alert] = await alerts();
    assert.equal(alert?.labels['alertname'], 'brute-force');
    assert.equal(alert?.annotations['user'], user);
    assert.equal(alert?.generatorURL, 'https://asgard.example/?alert=bf-1');
    assert.ok(Date.parse(alert?.endsAt ?? '') > now + 86_400_000);
    assert.deepEqual(await deliver({ kind: 'resolved', incident: { ...open, closedAt: now } }), { ok: true });
    await until(async () => (await alerts()).length === 0);
    // Of a host whose clock is ahead, one opens after the time at which it is over.
    const ahead = incident({ id: 'bf-2', openedAt: now + 600_000, lastAt: now + 600_000 });
    assert.deepEqual(await deliver({ kind: 'opened', incident: ahead }), { ok: true });
    await until(async () => (await alerts()).length === 1);
    assert.deepEqual(await deliver({ kind: 'resolved', incident: { ...ahead, closedAt: now } }), { ok: true });
    await until(async () => (await alerts()).length === 0);
    // One that turns out graver is another alert there, since its severity is a label.
    const mild = incident({ id: 'bi-1', rule: 'break-in', openedAt: now - 60_000, lastAt: now });
    const grave = { ...mild, severity: 'critical' } as const;
    const severities = async () => (await alerts()).map(({ labels }) => labels['severity']);
    assert.deepEqual(await deliver({ kind: 'opened', incident: mild, number: 1 }), { ok: true });
    await until(async () => String(await severities()) === 'warning');
    assert.deepEqual(await deliver({ kind: 'opened', incident: grave, number: 3 }), { ok: true });
    await until(async () => String(await severities()) === 'critical');
    assert.deepEqual(await deliver({ kind: 'resolved', incident: { ...grave, closedAt: now }, number: 4 }), {
      ok: true,
    });
    await until(async () => (await alerts()).length === 0);
    // One before which a late event was on another host, and that new rules made milder meanwhile, ends under the labels that it opened with.
    const begun = incident({ id: 'bi-2', severity: 'critical', openedAt: now - 60_000, lastAt: now });
    const further = {
      ...begun,
      severity: 'warning',
      host: null,
      hosts: ['db', ...begun.hosts],
      closedAt: now,
    } as const;
    assert.deepEqual(await deliver({ kind: 'opened', incident: begun, number: 1 }), { ok: true });
    await until(async () => String(await severities()) === 'critical');
    assert.deepEqual(await deliver({ kind: 'resolved', incident: further, number: 2 }), { ok: true });
    await until(async () => (await alerts()).length === 0);
  } finally {
    child.kill();
    await ended;
    rmSync(folder, { recursive: true });
  }
});
