/** The kernel's counters in place of its tables: made files, and real connections in a network namespace of their own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  CountedConnections,
  KEPT_LIMIT_CONNECTIONS,
  WHOLE_LOOK_EVERY_MS,
} from '../../../alphaclient/kernel/connection-counters.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const row = (port: number, state: string, inode: number): string =>
  `   0: 0100007F:0016 0A0200C0:${port.toString(16).toUpperCase().padStart(4, '0')} ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000000000000000 20 4 30 10 -1\n`;
const LISTENING = row(0, '0A', 7);

let folder: string;
let nowMs: number;
let counted: CountedConnections;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'counters-'));
  nowMs = Date.parse('2026-11-29T12:00:00Z');
  counted = new CountedConnections(() => nowMs, { folder });
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Counters {
  readonly active?: number;
  readonly passive?: number;
  readonly resets?: number;
  readonly established?: number;
}

/** Writes the counters as the kernel does. */
function count({ active = 3, passive = 4, resets = 0, established = 1 }: Counters): void {
  const text = `Ip: Forwarding DefaultTTL\nIp: 1 64
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs
Tcp: 1 200 120000 -1 ${active} ${passive} 9 ${resets} ${established} ${nowMs} 5
Udp: InDatagrams\nUdp: 1\n`;
  writeFileSync(join(folder, 'snmp'), text);
}

const table = (...rows: readonly string[]): void => writeFileSync(join(folder, 'tcp'), HEAD + rows.join(''));
const ports = async (isWhole = false): Promise<number[] | undefined> =>
  (await counted.read(isWhole))?.map(({ port }) => port);

/** True where the tables are not read the second time: what they have become is not seen. */
async function isLeftOut(isWhole = false): Promise<boolean> {
  const before = await ports();
  table(row(5_555, '01', 99));
  const after = await ports(isWhole);
  if (after?.[0] !== 5_555) assert.deepEqual(after, before);
  return after?.[0] !== 5_555;
}

describe('the tables of connections', () => {
  it('are not read again while no counter of connections moves', async () => {
    count({});
    table(LISTENING, row(1, '01', 11), row(2, '06', 0), row(3, '04', 0));
    assert.equal(await isLeftOut(), true);
    // Segments were counted meanwhile.
    nowMs += WHOLE_LOOK_EVERY_MS - 1;
    count({});
    assert.deepEqual(await ports(), [1]);
  });

  for (const moved of [{ active: 4 }, { passive: 5 }, { resets: 1 }, { established: 0 }, { established: 2 }])
    it(`are read again where a counter moved: ${JSON.stringify(moved)}`, async () => {
      count({});
      table(row(1, '01', 11));
      await ports();
      count(moved);
      table(row(2, '01', 12));
      assert.deepEqual(await ports(), [2]);
    });

  it('are read again after a minute, after the clock was set back, and where whole ones are asked for', async () => {
    count({});
    table(row(1, '01', 11));
    assert.equal(await isLeftOut(), true);
    nowMs += WHOLE_LOOK_EVERY_MS;
    assert.deepEqual(await ports(), [5_555]);
    nowMs -= 1;
    assert.equal(await isLeftOut(true), false);
    table(row(1, '01', 11));
    nowMs -= 1;
    assert.deepEqual(await ports(), [1]);
  });

  it('are read each time where the counters are not there, lack one, or are not those of the tables', async () => {
    table(row(1, '01', 11));
    assert.equal(await isLeftOut(), false);
    writeFileSync(join(folder, 'snmp'), 'Tcp: ActiveOpens PassiveOpens CurrEstab\nTcp: 3 4 1\n');
    table(row(1, '01', 11));
    assert.equal(await isLeftOut(), false);
    count({ established: 0 });
    table(row(1, '01', 11));
    assert.equal(await isLeftOut(), false);
    rmSync(join(folder, 'tcp'));
    assert.equal(await ports(), undefined);
  });

  const unsettled: readonly [what: string, row: string, established: number][] = [
    ['is opened by a process', row(2, '02', 12), 1],
    ['is opened by the other side', row(2, '03', 0), 1],
    ['waits to be accepted', row(2, '01', 0), 2],
    ['waits to be accepted, and the other side has closed it', row(2, '08', 0), 1],
    ['was closed by the other side', row(2, '08', 12), 1],
    ['is half closed by a process', row(2, '05', 12), 1],
  ];
  for (const [what, other, established] of unsettled)
    it(`are read again after a look in which a connection ${what}`, async () => {
      count({ established });
      table(row(1, '01', 11), other);
      assert.equal(await isLeftOut(), false);
    });

  it('are kept up to a limit', async () => {
    const rows = Array.from({ length: KEPT_LIMIT_CONNECTIONS + 1 }, (_, i) => row(1 + i, '01', 1 + i));
    count({ established: KEPT_LIMIT_CONNECTIONS });
    table(...rows.slice(1));
    assert.equal(await isLeftOut(), true);
    nowMs += WHOLE_LOOK_EVERY_MS;
    count({ established: KEPT_LIMIT_CONNECTIONS + 1 });
    table(...rows);
    assert.equal(await isLeftOut(), false);
  });

  it('that change while they are read are read again', async () => {
    count({});
    table(row(1, '01', 11));
    let reads = 0;
    counted = new CountedConnections(() => nowMs, {
      folder,
      readAll: async () => {
        // One connection was ended and another opened, after the counters were read.
        reads += 1;
        count({ passive: 5 });
        return { connections: [], established: 1, isSettled: true };
      },
    });
    for (let i = 0; i < 3; i++) await counted.read(false);
    assert.equal(reads, 2);
  });
});

const namespace = ['--map-root-user', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
const hasNamespaces = spawnSync('unshare', [...namespace, 'true']).status === 0;

describe('in a network namespace of its own', { skip: hasNamespaces ? false : 'needs unshare and ip' }, () => {
  it('connections that are opened, half closed, closed and reset by either side are as in the tables, which rest while nothing happens', () => {
    const seed = String(process.env['SEED'] ?? Date.now() % 1e9);
    const program = join(import.meta.dirname, 'counted-loopback.ts');
    const { status, stdout, stderr } = spawnSync('unshare', [...namespace, process.execPath, program, seed], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.equal(status, 0, `SEED=${seed} ${stdout}${stderr}`);
  });
});
