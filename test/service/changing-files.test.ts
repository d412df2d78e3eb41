import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ChangingFiles } from '../../service/changing-files.ts';

function fileOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-changing-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'a');
}
const parse = ([content = null]: readonly ({ readonly bytes: Buffer } | null)[]): unknown =>
  content === null ? 'none' : JSON.parse(content.bytes.toString());

test('a file is read at the first look and when it changes, and may come late', (context) => {
  const file = fileOf(context);
  const files = new ChangingFiles({ paths: [file, null], mayBeMissing: true, parse });
  assert.deepEqual(files.look(), { kind: 'value', value: 'none' });
  assert.deepEqual(files.look(), { kind: 'unchanged' });
  writeFileSync(file, '1');
  assert.deepEqual(files.look(), { kind: 'value', value: 1 });
  assert.deepEqual(files.look(), { kind: 'unchanged' });
  assert.throws(() => files.start(), /were read before/);
});

test('below a file there is none', (context) => {
  const file = fileOf(context);
  writeFileSync(file, '1');
  const below = join(file, 'b');
  assert.equal(new ChangingFiles({ paths: [below], mayBeMissing: true, parse }).start(), 'none');
  const needed = new ChangingFiles({ paths: [below], mayBeMissing: false, parse });
  assert.throws(() => needed.start(), { code: 'ENOTDIR' });
});

test('a damaged file is parsed and found once for each change of it', (context) => {
  const file = fileOf(context);
  let parsed = 0;
  const counted = (contents: Parameters<typeof parse>[0]): unknown => {
    parsed += 1;
    return parse(contents);
  };
  const files = new ChangingFiles({ paths: [file], mayBeMissing: false, parse: counted });
  for (const [i, damage] of ['{', '[1'].entries()) {
    writeFileSync(file, damage);
    const kinds = [files.look(), files.look(), files.look()].map(({ kind }) => kind);
    assert.deepEqual([kinds, parsed], [['fault', 'unchanged', 'unchanged'], i + 1]);
  }
  assert.throws(() => new ChangingFiles({ paths: [file], mayBeMissing: false, parse }).start(), /JSON/);
});

test('a file that cannot be read is found once for each reason, tried at each look, and its message says so', (context) => {
  const file = fileOf(context);
  const files = new ChangingFiles({ paths: [file], mayBeMissing: false, parse });
  const looks = () => [files.look(), files.look()].map((look) => (look.kind === 'fault' ? look.message : look.kind));
  const [missing, again] = looks();
  assert.match(missing ?? '', /^ENOENT: .*; it is tried again$/);
  assert.equal(again, 'unchanged');
  mkdirSync(file);
  const [folder, still] = looks();
  assert.match(folder ?? '', /^EISDIR: .*; it is tried again$/);
  assert.equal(still, 'unchanged');
  rmdirSync(file);
  writeFileSync(file, '2');
  assert.deepEqual(files.look(), { kind: 'value', value: 2 });
  rmSync(file);
  assert.match(looks()[0] ?? '', /^ENOENT: /, 'once more, since it could be read between');
});
