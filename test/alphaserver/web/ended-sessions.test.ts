import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ENDED_LIMIT, EndedSessions } from '../../../alphaserver/web/ended-sessions.ts';

const WEEK_MS = 7 * 86_400_000;
const session = (name: string, cookie: string, beganMs: number) => ({
  name,
  cookie,
  beganMs,
  endsMs: beganMs + WEEK_MS,
});

function folderOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-ended-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}
const open = (folder: string): EndedSessions => new EndedSessions(folder, 0, assert.fail);

test('one more ended session of a user than are remembered ends all that the user began before, and no other’s', (context) => {
  const folder = folderOf(context);
  const ended = open(folder);
  for (let i = 0; i < ENDED_LIMIT; i += 1) ended.end(session('vera', `cookie ${i}`, 1_000 + i), 5_000);
  const kept = session('vera', 'kept', 1_000);
  assert.equal(ended.has(kept), false, 'at the limit');
  ended.end(session('vera', 'one more', 2_000), 5_000);
  for (const one of [ended, open(folder)]) {
    for (const past of [kept, session('vera', 'cookie 0', 1_000), session('vera', 'one more', 2_000)])
      assert.equal(one.has(past), true, past.cookie);
    assert.equal(one.has(session('vera', 'later', 5_001)), false);
    assert.equal(one.has(session('olaf', 'kept', 1_000)), false);
  }
});

test('what has ended by itself is remembered no longer', (context) => {
  const folder = folderOf(context);
  const ended = open(folder);
  ended.end(session('vera', 'first', 1_000), 2_000);
  ended.end(session('olaf', 'second', 1_000 + WEEK_MS), 1_000 + WEEK_MS);
  const { users } = JSON.parse(readFileSync(join(folder, 'ended-sessions.json'), 'utf8')) as { users: object };
  assert.deepEqual(Object.keys(users), ['olaf']);
});

test('a logout at another server is known here, and its file takes back none of here', (context) => {
  const [here, there] = [folderOf(context), folderOf(context)];
  const [one, two] = [open(here), open(there)];
  const file = (folder: string) => join(folder, 'ended-sessions.json');
  const [first, second] = [session('vera', 'first', 1_000), session('vera', 'second', 1_001)];
  one.end(first, 2_000);
  two.end(second, 2_000);
  // The file of the other server comes in the place of the own one, as the last decision about it says.
  writeFileSync(file(here), readFileSync(file(there)));
  assert.deepEqual([one.has(first), one.has(second)], [true, true]);
  // What it lacked stands in it again, for the other server.
  writeFileSync(file(there), readFileSync(file(here)));
  assert.deepEqual([two.has(first), two.has(second)], [true, true]);
});

test('a file that is damaged while the server runs takes back no logout', (context) => {
  const folder = folderOf(context);
  const faults: string[] = [];
  const ended = new EndedSessions(folder, 0, (message) => faults.push(message));
  ended.end(session('vera', 'first', 1_000), 2_000);
  writeFileSync(join(folder, 'ended-sessions.json'), '{');
  assert.equal(ended.has(session('vera', 'first', 1_000)), true);
  assert.equal(ended.has(session('vera', 'second', 1_000)), false);
  assert.equal(faults.length, 1);
});
