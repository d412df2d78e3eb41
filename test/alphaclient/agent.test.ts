/** What an agent logs of the log that it reads. */
import { deepEqual } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Agent } from '../../alphaclient/agent.ts';
import { EventHosts } from '../../alphaclient/event-host.ts';
import { JournalSource } from '../../alphaclient/log/journal-source.ts';
import { LOG_LINE_LIMIT_BYTES } from '../../alphaclient/log/source.ts';
import { Outbox } from '../../alphaclient/outbox/outbox.ts';
import { SessionWatch } from '../../alphaclient/session-watch.ts';
import { ConnectionChanges } from '../../alphaclient/sshd/connection-changes.ts';
import { Reader } from '../../alphaclient/sshd/reader.ts';
import { SessionChanges } from '../../alphaclient/sshd/session-changes.ts';
import type { Uplink } from '../../alphaclient/uplink/uplink.ts';
import { Ticker } from '../../service/ticker.ts';
import { until } from '../until.ts';

/** Stands in for journalctl: prints a record that is too long before one that is not, and of the last record alone the latter. */
const TOO_LONG_THEN_SHORT = `
  case "$*" in *--lines=1*) ;; *) printf '{"MESSAGE":"'; head -c ${LOG_LINE_LIMIT_BYTES} /dev/zero | tr '\\0' x; echo '"}' ;; esac
  echo '{"MESSAGE":"short","SYSLOG_IDENTIFIER":"sshd","__CURSOR":"s=a1;i=1;b=b1;m=1;t=1;x=1"}'
  case "$*" in *--follow*) exec sleep 600 ;; esac`;

test('a record of the journal that is too long to be read is a gap, reported as an error, and not as one that was cut', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'agent-'));
  const outbox = new Outbox(folder);
  const logged: string[] = [];
  const note = (level: string) => (text: string) => void logged.push(`${level} ${text}`);
  const log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
  const [sessions, connections] = [new SessionChanges(), new ConnectionChanges()];
  const reader = new Reader(null, null, null, { listener: sessions }, { listener: connections, saved: [] });
  const command = ['sh', '-c', TOO_LONG_THEN_SHORT, '-'];
  const source = new JournalSource({ position: null, from: 'start', log, command });
  const kernel = { ports: null, loginGraceSeconds: 120, bootId: 'first', connections: async () => [] };
  const agent = new Agent(
    {
      ...{ logName: 'journald', source, reader, sessions, connections, outbox, outboxLimitBytes: 1e9, log },
      ...{ now: Date.now, ticker: new Ticker(20) },
      watch: new SessionWatch({ ...kernel, reader, sessions, outbox, now: Date.now }),
    },
    new EventHosts('box', null),
  );
  const uplink = { onAck() {}, sendPending() {}, report() {}, connected: false, sendsAtOnce: false };
  const ended = agent.run(uplink as unknown as Uplink);
  t.after(async () => {
    agent.stop();
    await ended;
    outbox.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await until(
    () => reader.counts().lines > 0,
    () => logged.join('\n'),
  );
  const reported = logged.filter((text) => !text.startsWith('info') && !text.startsWith('debug'));
  const text = 'a record of the journal that is longer than 64 KiB was not read';
  deepEqual(reported.slice(0, 1), [`error Part of the log is lost: ${text}`]);
  await until(() => outbox.totals.declaredLost > 0);
  deepEqual(
    outbox.gapsAfter(0, 1).map(({ kind, text, lines }) => ({ kind, text, lines })),
    [{ kind: 'unreadable', text, lines: 1 }],
  );
});
