/** report and tail in a real terminal, narrow and wide: its width and its colours are found, and Ctrl-C ends quietly. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { openStorage } from '../../alphaserver/storage.ts';
import { width } from '../../service/terminal/display-width.ts';
import { Program } from '../programs.ts';
import { has, lacking } from './machine.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'alphaserver', 'main.ts');
const ESCAPE = '\u001b';
const skip = lacking('a terminal', { script: has('script'), stty: has('stty') });

describe('in a terminal', { skip }, () => {
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'asgard-terminal-'));
    const store = openStorage(folder);
    const events = Array.from({ length: 30 }, (_, i) => ({
      seq: i + 1,
      event: {
        at: new Date(Date.now() - i * 1_000).toISOString(),
        outcome: i % 5 === 0 ? 'accepted' : 'failed',
        method: 'password',
        user: i % 2 === 0 ? `someone-with-a-rather-long-name-${i}` : `a${ESCAPE}[2J\u202eb`,
        invalidUser: false,
        ip: i % 3 === 0 ? `2001:db8:1:${i}:aaaa:bbbb:cccc:dddd` : `192.0.2.${i}`,
        port: 40_000 + i,
      } as const,
    }));
    await store.append(
      [{ agent: '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab', host: 'bastion.example.org', events }],
      Date.now(),
    );
    await store.close();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs a command on a terminal of its own. */
  const terminal = (columns: number, command: string, more: Record<string, string> = {}): Program =>
    new Program(null, { ALPHASERVER_DATA: folder, TERM: 'xterm-256color', ...more }, [
      'script',
      '-qec',
      `stty cols ${columns} && exec ${process.execPath} ${MAIN} ${command}`,
      '/dev/null',
    ]);

  for (const columns of [40, 80, 200])
    it(`of ${columns} columns a report fits, in colour`, async () => {
      const program = terminal(columns, 'report');
      assert.equal(await program.ended, 0, program.output);
      assert.ok(program.output.includes(`${ESCAPE}[1mhost`), program.output);
      const lines = stripVTControlCharacters(program.output).split('\r\n');
      assert.ok(lines.length > 20);
      for (const line of lines) assert.ok(width(line) <= columns, line);
    });

  it('NO_COLOR and a terminal that cannot have no escape sequence', async () => {
    for (const more of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
      const program = terminal(80, 'report', more);
      assert.equal(await program.ended, 0, program.output);
      assert.ok(!program.output.includes(ESCAPE), JSON.stringify(more));
    }
  });

  it('tail shows events in its width, and Ctrl-C ends it with 0 and without a word', async () => {
    const program = terminal(60, 'tail --since 1h');
    await program.says('192.0.2.29');
    program.child.stdin?.write('\u0003');
    assert.equal(await program.ended, 0, program.output);
    const lines = stripVTControlCharacters(program.output).split('\r\n');
    for (const line of lines) assert.ok(width(line) <= 60, line);
    assert.doesNotMatch(program.output, /[Ee]rror/);
  });
});
