/** Files that servers share, between a folder and a log that is kept here. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FILE_LIMIT_BYTES, SharedFiles } from '../../../alphaserver/shared-log/shared-files.ts';
import { lockFile } from '../../../alphaserver/store/file-lock.ts';
import { until } from '../../until.ts';

test('a file that is damaged at one server is not shared, is reported once, and gives way to a newer one', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'shared-files-'));
  const [users, first, second, third] = [join(folder, 'users.json'), '{"users":[1]}', '{"users":[2]}', '{"users":[3]}'];
  const log: [file: string, content: string][] = [];
  const ofUsers = (): string[] => log.filter(([file]) => file === 'users.json').map(([, content]) => content);
  const faults: string[] = [];
  const agreed = new Map<string, number>();
  writeFileSync(users, first);
  const files = new SharedFiles({
    folder,
    decide: async (decisions) => {
      for (const { subject, body } of decisions) log.push([subject, (body as { content: string }).content]);
    },
    agreed: (file) => agreed.get(file) ?? 0,
    agree: (file, digest) => void agreed.set(file, digest),
    decided: (file) => log.findLast(([subject]) => subject === file)?.[1] ?? null,
    failed: (file, error) => faults.push(`${file}: ${(error as Error).message}`),
  });
  context.after(async () => {
    await files.close();
    rmSync(folder, { recursive: true });
  });
  /** Lets it look, and waits until what it looked at is dealt with. */
  const looked = async (isDone: () => boolean): Promise<void> =>
    until(() => {
      files.look();
      return isDone();
    });
  await looked(() => log.length === 1);
  writeFileSync(users, first.slice(0, -2));
  await looked(() => faults.length > 0);
  // Another file is shared meanwhile: damage of one keeps none back.
  writeFileSync(join(folder, 'tokens.json'), '{"tokens":[]}');
  await looked(() => log.length === 2);
  assert.deepEqual([ofUsers(), faults], [[first], ['users.json: it is damaged here']]);
  writeFileSync(users, second);
  await looked(() => log.length === 3);
  writeFileSync(users, 'null');
  await looked(() => faults.length === 2);
  log.push(['users.json', third]);
  files.decided();
  await looked(() => readFileSync(users, 'utf8') === third);
  assert.deepEqual([ofUsers(), faults.length], [[first, second, third], 2]);
});

test('what a command is changing is not written over by what other servers decided before', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'shared-files-'));
  const tokens = join(folder, 'tokens.json');
  const [first, ofOthers, ofCommand] = ['{"tokens":[1]}', '{"tokens":[2]}', '{"tokens":[3]}'];
  const log: string[] = [];
  const agreed = new Map<string, number>();
  const faults: string[] = [];
  let looks = 0;
  writeFileSync(tokens, first);
  const files = new SharedFiles({
    folder,
    decide: async (decisions) => void log.push(...decisions.map(({ body }) => (body as { content: string }).content)),
    agreed: (file) => agreed.get(file) ?? 0,
    agree: (file, digest) => void agreed.set(file, digest),
    decided: (file) => {
      if (file !== 'tokens.json') return null;
      looks++;
      return log.at(-1) ?? null;
    },
    failed: (file, error) => faults.push(`${file}: ${(error as Error).message}`),
  });
  context.after(async () => {
    await files.close();
    rmSync(folder, { recursive: true });
  });
  await until(() => log.length === 1 && agreed.has('tokens.json'));
  const lock = lockFile(tokens);
  log.push(ofOthers);
  const before = looks;
  await until(() => {
    files.decided();
    return looks >= before + 3;
  });
  assert.equal(readFileSync(tokens, 'utf8'), first);
  writeFileSync(tokens, ofCommand);
  lock.close();
  await until(() => {
    files.look();
    return log.at(-1) === ofCommand;
  });
  assert.deepEqual([readFileSync(tokens, 'utf8'), faults], [ofCommand, []]);
  log.push(ofOthers);
  files.decided();
  await until(() => {
    files.look();
    return readFileSync(tokens, 'utf8') === ofOthers;
  });
});

test('a file of 16 MiB is shared, and one that is a byte larger is not, which is reported', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'shared-files-'));
  const users = join(folder, 'users.json');
  const largest = `{"users":[]}${' '.repeat(FILE_LIMIT_BYTES - 12)}`;
  const log: string[] = [];
  const faults: string[] = [];
  const agreed = new Map<string, number>();
  writeFileSync(users, largest);
  const files = new SharedFiles({
    folder,
    decide: async (decisions) => void log.push(...decisions.map(({ body }) => (body as { content: string }).content)),
    agreed: (file) => agreed.get(file) ?? 0,
    agree: (file, digest) => void agreed.set(file, digest),
    decided: (file) => (file === 'users.json' ? (log.at(-1) ?? null) : null),
    failed: (file, error) => faults.push(`${file}: ${(error as Error).message}`),
  });
  context.after(async () => {
    await files.close();
    rmSync(folder, { recursive: true });
  });
  const looked = (isDone: () => boolean): Promise<void> =>
    until(() => {
      files.look();
      return isDone();
    });
  await looked(() => log.length === 1);
  assert.equal(log[0]?.length, FILE_LIMIT_BYTES);
  writeFileSync(users, `${largest} `);
  await looked(() => faults.length > 0);
  assert.equal(faults[0], `users.json: it is larger than ${FILE_LIMIT_BYTES} bytes`);
  assert.equal(log.length, 1);
});
