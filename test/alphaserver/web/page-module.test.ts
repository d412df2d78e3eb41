import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pageModule, writePageModule } from '../../../alphaserver/web/page-module.ts';

describe('the module of a page', () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-module-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const put = (name: string, text: string): void => writeFileSync(join(folder, name), text);

  it('is made of its sources as they are now', async () => {
    put('main.js', "import { word } from './word.js';\nconsole.log(word);\nimport('./chart.js');\n");
    put('word.js', "export const word = 'first';\n");
    assert.match(String(await pageModule(folder)), /first[\s\S]*import\("\.\/chart\.js"\)/);
    put('word.js', "export const word = 'second';\n");
    assert.match(String(await pageModule(folder)), /second/);
  });

  it('is refused with the place of the fault where the sources have one', async () => {
    put('word.js', 'export const word = ;\n');
    await assert.rejects(pageModule(folder), /Unexpected ";"[\s\S]*word\.js:1:20:/);
  });

  it('is refused where it is longer than 4,000,000 bytes', async () => {
    const long = (bytes: number): void => put('word.js', `export const word = '${'x'.repeat(bytes)}';\n`);
    long(3_999_000);
    assert.ok((await pageModule(folder)).length <= 4_000_000);
    long(4_000_000);
    await assert.rejects(pageModule(folder), { code: 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER' });
  });

  it('is the one that was made before, where there is one, whatever became of the sources', async () => {
    put('word.js', "export const word = 'packed';\n");
    await writePageModule(folder, folder);
    put('word.js', "export const word = 'later';\n");
    assert.match(String(await pageModule(folder)), /packed/);
  });
});
