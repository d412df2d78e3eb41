import assert from 'node:assert/strict';
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { decompress } from '../../../alphaclient/log/decompress.ts';

function opened(t: TestContext, name: string, bytes: Buffer): number {
  const folder = mkdtempSync(join(tmpdir(), 'decompress-'));
  const file = join(folder, name);
  writeFileSync(file, bytes);
  const fd = openSync(file, 'r');
  t.after(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  return fd;
}

async function text(fd: number, compression: 'gz' | 'zst'): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of decompress(fd, compression)) parts.push(part);
  return Buffer.concat(parts).toString();
}

test('a compressed log is decompressed, as often as it is asked for', async (t) => {
  const lines = 'Failed password for root from 192.0.2.1 port 22 ssh2\n'.repeat(50_000);
  const fd = opened(t, 'log.gz', gzipSync(lines));
  assert.equal(await text(fd, 'gz'), lines);
  assert.equal(await text(fd, 'gz'), lines);
  assert.equal(await text(opened(t, 'log.zst', zstdCompressSync(lines)), 'zst'), lines);
});

test('a damaged compressed log, and one not read to its end, do not close the caller’s descriptor', async (t) => {
  const damaged = opened(t, 'log.gz', Buffer.from('this is not gzip'));
  await assert.rejects(text(damaged, 'gz'), /incorrect header/);
  const long = opened(t, 'log.gz', gzipSync(Buffer.alloc(8 * 1024 * 1024, 'line\n')));
  const stream = decompress(long, 'gz');
  for await (const _ of stream) break;
  // Streams close their files only after they have ended.
  await new Promise((later) => setTimeout(later, 20));
  assert.ok(fstatSync(damaged).size > 0);
  assert.ok(fstatSync(long).size > 0);
});
