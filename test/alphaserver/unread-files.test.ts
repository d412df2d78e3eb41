/** Files that change while the process has no free descriptor. As root no file is unreadable, and a file in another's place would be another change. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

type Reader = 'agentTokens' | 'scriptTokens' | 'users' | 'hosts' | 'ended' | 'certificate';
interface Printed {
  readonly code: string;
  readonly before: Record<Reader, boolean>;
  readonly without: Record<Reader, boolean>;
  readonly after: Record<Reader, boolean>;
  readonly faults: Partial<Record<Reader, readonly string[]>>;
}

const folder = mkdtempSync(join(tmpdir(), 'asgard-unread-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const program = join(import.meta.dirname, 'without-descriptors.ts');
const limited = ['-c', 'ulimit -n 128 && exec "$0" "$@"', process.execPath, program, folder];
const printed = JSON.parse(execFileSync('sh', limited, { encoding: 'utf8' })) as Printed;

test('the process had no descriptor left', () => assert.equal(printed.code, 'EMFILE'));

for (const [reader, what, message] of [
  ['agentTokens', 'a token that was revoked', /^\S+tokens\.json cannot be read: EMFILE: .*; it is tried again$/],
  [
    'scriptTokens',
    "a script's token that was revoked",
    /^\S+script-tokens\.json cannot be read: EMFILE: .*tried again$/,
  ],
  ['users', 'a user who was removed', /^\S+users\.json cannot be read: EMFILE: .*; it is tried again$/],
  ['hosts', 'a certificate that was revoked', /^\S+revoked\.json cannot be read: EMFILE: .*; it is tried again$/],
  ['ended', 'a session that ended at another server', /ended-sessions\.json: EMFILE: .*; it is tried again$/],
  ['certificate', 'the certificate before a renewed one', /^Certificate stays as it was: .*: EMFILE: .*tried again$/],
] as const)
  test(`${what} without a free descriptor is in force no longer than that, and it is reported once`, () => {
    const { before, without, after } = printed;
    assert.deepEqual([before[reader], without[reader], after[reader]], [true, true, false]);
    const [fault, ...more] = printed.faults[reader] ?? [];
    assert.match(fault ?? '', message);
    assert.deepEqual(more, []);
  });
