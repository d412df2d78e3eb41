import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Fence, fenceFile, type Primary } from '../../../alphaserver/shared-log/fence.ts';

let folder: string;
let raised: Primary[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-fence-'));
  raised = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const started = (): Fence => new Fence(fenceFile(folder), (seen) => raised.push(seen));
const on = (timeline: number, system = '7'): Primary => ({ system, timeline });

test('a primary is taken, and one of a later timeline, of which all connections hear', () => {
  const fence = started();
  assert.equal(fence.take(on(1)), null);
  assert.equal(fence.take(on(1)), null);
  assert.equal(fence.take(on(3)), null);
  assert.deepEqual(raised, [on(1), on(3)]);
});

test('a primary of an older timeline is refused, also after a restart, and changes nothing', () => {
  assert.equal(started().take(on(2)), null);
  const fence = started();
  assert.match(fence.take(on(1)) ?? '', /an old primary: its timeline is 1, and this server has seen 2/);
  assert.equal(fence.take(on(2)), null);
  assert.equal(raised.length, 1);
});

test('another cluster is refused while a server runs, and taken at its next start', () => {
  const fence = started();
  assert.equal(fence.take(on(4)), null);
  assert.match(fence.take(on(9, '8')) ?? '', /another PostgreSQL than before \(system identifier 8, not 7\)/);
  assert.equal(started().take(on(1, '8')), null);
  assert.match(started().take(on(0, '8')) ?? '', /an old primary/);
});

test('what was seen is on the disk before a primary is used, and only its owner may read it', () => {
  const fence = new Fence({ read: () => null, write: () => assert.fail('the disk is full') }, () => {});
  assert.throws(() => fence.take(on(1)), /the disk is full/);
  started().take(on(1));
  assert.equal(statSync(join(folder, 'primary.json')).mode & 0o777, 0o600);
});

test('a file that cannot be read is as none', () => {
  for (const text of ['', '{', '{"system":7,"timeline":1}', '{"system":"7","timeline":"two"}']) {
    writeFileSync(join(folder, 'primary.json'), text);
    assert.equal(fenceFile(folder).read(), null, text);
  }
});
