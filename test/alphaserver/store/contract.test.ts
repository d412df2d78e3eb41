/** The promises of `Store`, tried on the store of a server and on the one that stands in for it in tests. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openStorage } from '../../../alphaserver/storage.ts';
import type { AgentBatch, Appended, Store } from '../../../alphaserver/store/store.ts';
import type { Outcome } from '../../../protocol/event.ts';
import type { DeclaredGap } from '../../../protocol/report.ts';
import { MemoryStore } from '../memory-store.ts';

const [A, B] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'] as const;
const NOW_MS = Date.parse('2026-11-23T19:46:02.000Z');
const AT = '2026-11-23T19:46:01.123Z';

interface Given {
  readonly agent?: string;
  readonly host?: string;
  readonly outcome?: Outcome;
}

/** Events with these numbers; `host` is what they name, which may be another one's. */
const batch = (seqs: readonly number[], { agent = A, host, outcome = 'failed' }: Given = {}): AgentBatch => ({
  agent,
  host: `own host of ${agent}`,
  events: seqs.map((seq) => ({
    seq,
    event: {
      ...{ at: AT, outcome, method: 'password', user: 'root', invalidUser: false, ip: '192.0.2.1', port: 40_000 },
      ...(host === undefined ? {} : { host }),
    },
  })),
});
const gap = (id: number): DeclaredGap => ({
  id,
  at: AT,
  kind: 'rotated-away',
  text: `gap ${id}`,
  bytes: 9,
  lines: null,
});
const ping = (...ids: number[]): AgentBatch => ({
  ...batch([]),
  ping: { report: null, shapes: [], gaps: ids.map(gap) },
});

const counted = ({ lastSeq, stored, repeats, missing }: Appended): number[] => [lastSeq, stored, repeats, missing];

for (const [name, open] of [
  ['the store of a server', (folder: string): Store => openStorage(folder)],
  ['the store of tests', (): Store => new MemoryStore()],
] as const)
  describe(name, () => {
    let folder: string;
    let store: Store;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'asgard-contract-'));
      store = open(folder);
    });
    afterEach(async () => {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    });
    const append = async (...batches: AgentBatch[]): Promise<Appended[]> => store.append(batches, NOW_MS);

    it('knows the highest number of each agent, 0 of one that it has never seen', async () => {
      assert.equal(store.lastSeq(A), 0);
      await append(batch([1, 2]), batch([1], { agent: B }));
      assert.deepEqual([store.lastSeq(A), store.lastSeq(B)], [2, 1]);
    });

    it('gives a result for each batch, in their order, also for one without events', async () => {
      assert.deepEqual((await append(batch([1, 2]), batch([]), batch([1], { agent: B }))).map(counted), [
        [2, 2, 0, 0],
        [2, 0, 0, 0],
        [1, 1, 0, 0],
      ]);
      assert.deepEqual(await append(), []);
    });

    it('drops what is not above the highest number as a repeat, within a batch, an append and over appends', async () => {
      assert.deepEqual((await append(batch([1, 1, 2]), batch([2, 3]))).map(counted), [
        [2, 2, 1, 0],
        [3, 1, 1, 0],
      ]);
      assert.deepEqual((await append(batch([1, 2, 3, 4]))).map(counted), [[4, 1, 3, 0]]);
    });

    it('stores a jump in the numbers, once, as a gap that names them', async () => {
      await append(batch([1]));
      const [jumped] = await append(batch([4, 5, 9]));
      assert.deepEqual(jumped && counted(jumped), [9, 3, 0, 5]);
      assert.deepEqual(
        jumped?.gaps.map(({ agent, at, kind, events, bytes, lines }) => [agent, at, kind, events, bytes, lines]),
        [[A, new Date(NOW_MS).toISOString(), 'missing-events', 5, null, null]],
      );
      assert.deepEqual((await append(batch([9])))[0]?.gaps, []);
    });

    it('takes a gap that an agent declares once, by its number', async () => {
      const [first, again] = await append(ping(1, 2), ping(2, 3));
      const texts = (one: Appended | undefined) => one?.gaps.map(({ kind, text, bytes }) => [kind, text, bytes]);
      assert.deepEqual(texts(first), [
        ['rotated-away', 'gap 1', 9],
        ['rotated-away', 'gap 2', 9],
      ]);
      assert.deepEqual(texts(again), [['rotated-away', 'gap 3', 9]]);
    });

    it('gives the stored events, with ids that grow over appends and agents', async () => {
      const results = [...(await append(batch([1, 2]), batch([7], { agent: B }))), ...(await append(batch([2, 3])))];
      const events = results.flatMap((one) => one.events);
      assert.deepEqual(
        events.map(({ agent, seq, host, storedAt, at }) => [agent, seq, host, storedAt, at]),
        [
          [A, 1, `own host of ${A}`],
          [A, 2, `own host of ${A}`],
          [B, 7, `own host of ${B}`],
          [A, 3, `own host of ${A}`],
        ].map((one) => [...one, new Date(NOW_MS).toISOString(), AT]),
      );
      const ids = events.map(({ id }) => id);
      assert.ok(
        ids.every((id, i) => id > (ids[i - 1] ?? 0)),
        `${ids}`,
      );
    });

    it('counts the attempts of each host that got new ones, whichever agent tells of it; probes are none', async () => {
      const sums = async (...batches: AgentBatch[]) => (await append(...batches)).map(({ totals }) => totals);
      assert.deepEqual(
        await sums(batch([1, 2], { host: 'web' }), batch([1], { agent: B, host: 'web', outcome: 'accepted' })),
        [[{ host: 'web', attempts: 2 }], [{ host: 'web', attempts: 3 }]],
      );
      assert.deepEqual(await sums(batch([3], { host: 'web', outcome: 'probe' }), batch([4, 3], { host: 'db' })), [
        [],
        [{ host: 'db', attempts: 1 }],
      ]);
    });
  });
