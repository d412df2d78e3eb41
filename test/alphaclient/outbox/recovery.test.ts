/** The replacement of a damaged outbox that is killed, or fails, at any of its steps: the next start goes on with it. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { OutboxError } from '../../../alphaclient/outbox/database.ts';
import { OUTBOX_FILE, Outbox, type ReadResult } from '../../../alphaclient/outbox/outbox.ts';
import { Checkpoint, openStateFolder, replaceDamaged } from '../../../alphaclient/outbox/recovery.ts';
import type { LoginEvent } from '../../../protocol/event.ts';
import { withSteps } from './steps.ts';

const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const PAGE_BYTES = 4_096;
/** Memory where the system has a folder there: some hundred starts sync their files, and the order of the steps is what matters. */
const ROOT = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const [NEW, READY] = [`${OUTBOX_FILE}.new`, `${OUTBOX_FILE}.ready`];

const reading = (users: readonly string[], offset: number): ReadResult => ({
  log: '/x',
  position: { offset },
  reader: {},
  events: users.map((user) => {
    const login = {
      outcome: 'failed',
      method: 'password',
      user,
      invalidUser: false,
      ip: '192.0.2.1',
      port: 1,
    } as const;
    return { at: '2026-11-23T19:46:01.123Z', ...login };
  }),
  gaps: [],
  atMs: 0,
});

/** Makes the folder of an agent that was killed, with a page of its outbox overwritten, and a commit in the write-ahead log. */
function makeDamaged(folder: string, hasCheckpoint: boolean): void {
  const living = `${folder}-living`;
  const outbox = new Outbox(living);
  outbox.commit(reading(['a', 'b'], 50));
  const checkpoint = new Checkpoint(living);
  checkpoint.offer(outbox.agent, 0, () => outbox.stateOf('/x', { position: { offset: 50 }, reader: {} }));
  outbox.acknowledge(2);
  if (hasCheckpoint) checkpoint.acknowledged(2, 10_000);
  for (let i = 0; i < 40; i += 1) outbox.commit(reading([`${i}${'x'.repeat(1_000)}`], 51 + i));
  outbox.close();
  const again = new Outbox(living);
  again.commit(reading(['in the write-ahead log'], 99));
  cpSync(living, folder, { recursive: true });
  again.close();
  const file = join(folder, OUTBOX_FILE);
  const bytes = readFileSync(file);
  const page = Math.floor(bytes.indexOf(`"30${'x'.repeat(1_000)}`) / PAGE_BYTES);
  bytes.fill(0x5a, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
  writeFileSync(file, bytes);
}

/** Starts in a folder and returns what the agent goes on with there. */
function started(folder: string): object {
  const outbox = openStateFolder(folder, QUIET, 5_000);
  try {
    const { agent, lastSeq, acked, resumed, lastEnd } = outbox;
    const users = outbox.after(0, 1_000).map(({ seq, body }) => `${seq} ${(JSON.parse(body) as LoginEvent).user}`);
    return { agent, lastSeq, acked, resumed, lastEnd, users, bookmark: outbox.bookmark('/x') };
  } finally {
    outbox.close();
  }
}

/** The outbox's files in a folder whose outbox is closed. */
const files = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.startsWith(OUTBOX_FILE))
    .map((name) => name.replace(/damaged-.*Z/, 'damaged'))
    .sort();

for (const hasCheckpoint of [true, false])
  describe(`a damaged outbox ${hasCheckpoint ? 'with' : 'without'} a checkpoint`, () => {
    let folder: string;
    let damaged: string;
    let expected: object;
    /** The names of the steps of one replacement. */
    const steps: string[] = [];

    before(() => {
      folder = mkdtempSync(join(ROOT, 'recovery-'));
      damaged = join(folder, 'damaged');
      makeDamaged(damaged, hasCheckpoint);
      const whole = join(folder, 'whole');
      cpSync(damaged, whole, { recursive: true });
      withSteps(
        () => {
          expected = started(whole);
        },
        (step, name) => {
          steps.push(name);
          cpSync(whole, join(folder, `killed-${step}`), { recursive: true });
        },
      );
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    test('is replaced by one that goes on from there, and is kept', () => {
      const { lastSeq, acked, resumed, bookmark } = expected as Record<string, unknown>;
      assert.deepEqual([lastSeq, acked, resumed], hasCheckpoint ? [2, 2, true] : [43, 2, true]);
      assert.deepEqual(bookmark, { position: { offset: hasCheckpoint ? 50 : 99 }, reader: {} });
      const kept = files(join(folder, 'whole')).filter((name) => !/-(wal|shm)$/.test(name));
      assert.deepEqual(kept, [OUTBOX_FILE, `${OUTBOX_FILE}.damaged`]);
    });

    test('is replaced by the same one when the process is killed before any step', () => {
      for (const [i, name] of steps.entries()) {
        const killed = join(folder, `killed-${i + 1}`);
        assert.deepEqual(started(killed), expected, `before step ${i + 1}, ${name}`);
        assert.deepEqual(
          files(killed).filter((one) => /\.(new|ready)|damaged$/.test(one)),
          [`${OUTBOX_FILE}.damaged`],
        );
      }
      assert.ok(steps.filter((name) => name === 'renameSync').length >= 3, steps.join());
    });

    test('is replaced by the same one when any step fails', () => {
      let failed = 0;
      for (const [i, name] of steps.entries()) {
        if (name === 'close') continue;
        const where = join(folder, `failed-${i + 1}`);
        cpSync(damaged, where, { recursive: true });
        try {
          withSteps(
            () => started(where),
            (step) => {
              if (step === i + 1) throw new Error('database or disk is full');
            },
          );
        } catch (error) {
          failed += 1;
          assert.ok(error instanceof OutboxError && error.code === 'failed', `step ${i + 1}, ${name}: ${error}`);
          assert.ok(!existsSync(join(where, NEW)), `its room is free again: step ${i + 1}, ${name}`);
        }
        assert.deepEqual(started(where), expected, `step ${i + 1}, ${name}`);
      }
      assert.ok(failed > 5, `${failed} of ${steps.join()}`);
    });
  });

test('the write-ahead log of a damaged outbox is not read into the one that replaces it', () => {
  const folder = mkdtempSync(join(ROOT, 'recovery-'));
  const [state, whole] = [join(folder, 'state'), join(folder, 'whole')];
  makeDamaged(state, true);
  cpSync(state, whole, { recursive: true });
  const expected = started(whole);
  // Killed after the first of its files was renamed.
  renameSync(join(state, OUTBOX_FILE), join(state, `${OUTBOX_FILE}.damaged-2026-11-29T08-00-00-000Z`));
  cpSync(join(whole, OUTBOX_FILE), join(state, READY));
  assert.ok(existsSync(join(state, `${OUTBOX_FILE}-wal`)));
  assert.deepEqual(started(state), expected);
  assert.ok(files(state).includes(`${OUTBOX_FILE}.damaged-wal`));
  rmSync(folder, { recursive: true });
});

test('a damaged outbox that an earlier version renamed, and did not replace, is replaced from the checkpoint', () => {
  const folder = mkdtempSync(join(ROOT, 'recovery-'));
  const state = join(folder, 'state');
  makeDamaged(state, true);
  const { agent } = new Checkpoint(state).read() ?? {};
  renameSync(join(state, OUTBOX_FILE), join(state, `${OUTBOX_FILE}.damaged-2026-11-29T08-00-00-000Z`));
  const { agent: next, lastSeq, bookmark } = started(state) as Record<string, unknown>;
  assert.deepEqual([next, lastSeq, bookmark], [agent, 2, { position: { offset: 50 }, reader: {} }]);
  assert.ok(files(state).includes(`${OUTBOX_FILE}.damaged-wal`));
  rmSync(folder, { recursive: true });
});

test('an outbox that is well does not go on from one that was to replace it', () => {
  const folder = mkdtempSync(join(ROOT, 'recovery-'));
  const outbox = new Outbox(folder);
  const { agent } = outbox;
  outbox.close();
  for (const name of [READY, NEW]) writeFileSync(join(folder, name), 'of an earlier day');
  assert.equal((started(folder) as { agent: string }).agent, agent);
  assert.deepEqual(files(folder), [OUTBOX_FILE]);
  rmSync(folder, { recursive: true });
});

test('a start removes what a kill left of checkpoints that were being written', () => {
  const folder = mkdtempSync(join(ROOT, 'recovery-'));
  new Outbox(folder).close();
  for (const name of ['checkpoint.json.4711.new', 'checkpoint.json.new', 'checkpoint.json'])
    writeFileSync(join(folder, name), '{');
  started(folder);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('checkpoint')),
    ['checkpoint.json'],
  );
  rmSync(folder, { recursive: true });
});

test('of more than three damaged outboxes the oldest is deleted with all its files', () => {
  const folder = mkdtempSync(join(ROOT, 'recovery-'));
  new Outbox(folder).close();
  const older = (day: number): string => `${OUTBOX_FILE}.damaged-2026-11-2${day}T08-00-00-000Z`;
  for (const day of [1, 2, 3])
    for (const ending of ['', '-wal', '-shm']) writeFileSync(join(folder, older(day) + ending), 'damaged');
  replaceDamaged(folder, 'a page is', QUIET, Date.parse('2026-11-29T08:00:00Z')).close();
  const kept = readdirSync(folder).filter((name) => name.startsWith(`${OUTBOX_FILE}.damaged-`));
  const newest = `${OUTBOX_FILE}.damaged-2026-11-29T08-00-00-000Z`;
  assert.deepEqual(
    kept.filter((name) => !name.startsWith(newest)).sort(),
    [2, 3].flatMap((day) => [older(day), `${older(day)}-shm`, `${older(day)}-wal`]),
  );
  assert.ok(kept.includes(newest));
  rmSync(folder, { recursive: true });
});
