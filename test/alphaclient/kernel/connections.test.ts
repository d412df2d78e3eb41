import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type KernelConnection, readConnections, Table } from '../../../alphaclient/kernel/connections.ts';
import { until } from '../../until.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const row = (local: string, remote: string, state: string, inode: number): string =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000000000000000 20 4 30 10 -1\n`;

/** The connections in a table that comes in pieces of any length. */
function connectionsIn(text: string): readonly KernelConnection[] {
  const whole = new Table();
  whole.add(text);
  for (const length of [1, 7, 150]) {
    const table = new Table();
    for (let at = 0; at < text.length; at += length) table.add(text.slice(at, at + length));
    assert.deepEqual({ ...table }, { ...whole });
  }
  return whole.connections;
}

describe('the connections of the kernel', () => {
  it('are read with the address of the other side in one form', () => {
    const table =
      HEAD +
      row('0100007F:0016', '0A0200C0:C366', '01', 11) +
      row('00000000000000000000000001000000:0016', 'B80D012000000000000000000A000000:C366', '08', 12) +
      row('0000000000000000FFFF00000100007F:0016', '0000000000000000FFFF00000B0200C0:0001', '01', 13);
    assert.deepEqual(connectionsIn(table), [
      { ip: '192.0.2.10', port: 50_022, localPort: 22, isEstablished: true },
      { ip: '2001:db8::a', port: 50_022, localPort: 22, isEstablished: false },
      { ip: '192.0.2.11', port: 1, localPort: 22, isEstablished: true },
    ]);
  });

  it('leave out listening sockets, what is over, and what no process holds', () => {
    const rows = [
      row('00000000:0016', '00000000:0000', '0A', 11),
      row('0100007F:0016', '0A0200C0:C366', '06', 0),
      row('0100007F:0016', '0A0200C0:C367', '04', 0),
      row('0100007F:0016', '0A0200C0:C368', '01', 0),
      'nonsense\n',
      '\n',
    ];
    assert.deepEqual(connectionsIn(HEAD + rows.join('')), []);
  });

  it('are those of this network namespace, with the one that is made here, from accept on', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await until(() => server.listening);
    const { port } = server.address() as { port: number };
    const client = connect(port, '127.0.0.1');
    const there = async () =>
      (await readConnections())?.connections.find((one) => one.localPort === port && one.port === client.localPort);
    await until(async () => (await there())?.isEstablished === true);
    assert.equal((await there())?.ip, '127.0.0.1');
    server.close();
    client.destroy();
    await until(async () => (await there()) === undefined);
  });

  it('are all read, however many there are', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'net-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const rows = (count: number): string =>
      Array.from({ length: count }, (_, i) =>
        row('0100007F:0016', `0A0200C0:${(1_024 + i).toString(16).toUpperCase().padStart(4, '0')}`, '01', 1 + i),
      ).join('');
    const ports = async (): Promise<number[]> =>
      ((await readConnections(folder))?.connections ?? []).map(({ port }) => port);
    for (const count of [0, 3, 600, 5_000]) {
      writeFileSync(join(folder, 'tcp'), HEAD + rows(count));
      assert.deepEqual(
        await ports(),
        Array.from({ length: count }, (_, i) => 1_024 + i),
      );
    }
    writeFileSync(join(folder, 'tcp6'), HEAD + rows(2));
    assert.equal((await ports()).length, 5_002);
  });

  it('are not known where the kernel has no such file', async () => {
    assert.equal(await readConnections('/nonexistent'), null);
  });

  it('are those of IPv4 alone where the kernel has no table of IPv6, and not known where that cannot be read', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'connections-'));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'tcp'), 'head\n');
    assert.deepEqual((await readConnections(folder))?.connections, []);
    // Its reading fails, as where a process has no descriptor left.
    mkdirSync(join(folder, 'tcp6'));
    assert.equal(await readConnections(folder), null);
  });
});
