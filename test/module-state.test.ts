/** The linter's rule that pure files hold no state in a module: what it finds, and what it lets pass. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const BIOME = join(import.meta.dirname, '..', 'node_modules', '.bin', 'biome');
const PLUGIN = join(import.meta.dirname, 'module-state.grit');

/** The lines of a file that the rule finds fault with. */
function faults(text: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'module-state-'));
  try {
    writeFileSync(
      join(folder, 'biome.json'),
      JSON.stringify({ root: true, plugins: [PLUGIN], linter: { rules: { recommended: false } } }),
    );
    writeFileSync(join(folder, 'pure.ts'), text);
    const { stdout } = spawnSync(BIOME, ['lint', '--reporter=json', '--max-diagnostics=none', 'pure.ts'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: { category: string; location: { start: { line: number } } }[];
    };
    const lines = text.split('\n');
    return diagnostics
      .filter(({ category }) => category === 'plugin')
      .map(({ location }) => lines[location.start.line - 1] ?? '');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('state in a module is found', () => {
  const state = [
    'let count = 0;',
    'export let shared: number;',
    'var old = 1;',
    'const cache = new Map<string, number>();',
    'export const buffer = new Uint8Array(4);',
    'const list: string[] = [];',
    'const table = { seen: new Set() };',
    'const [one] = [new Map()];',
    'class Held { static cache = 1; }',
    'class Kept { static readonly cache = new Map(); }',
    'function change(): void { TABLE.seen = 1; }',
  ];
  assert.deepEqual(faults(state.join('\n')), state);
});

test('constants and the state of instances and functions are not', () => {
  const constants = [
    "const NAMES: ReadonlyMap<string, number> = new Map([['a', 1]]);",
    "const KNOWN: ReadonlySet<string> = new Set(['a']);",
    'const NOTHING: readonly string[] = [];',
    'const PATTERN = new RegExp(`a`);',
    'const encoder = new TextEncoder();',
    "const format = new Intl.NumberFormat('en');",
    'class Counter { #count = 0; readonly #names = new Map(); static readonly LIMIT = 3; static make(): Counter { return new Counter(); } }',
    'export const count = (): number => { let n = 0; const all = new Set(); n += all.size; return n; };',
    'for (let i = 0; i < 3; i++) count();',
    'const make = (): Set<string> => new Set();',
  ];
  assert.deepEqual(faults(constants.join('\n')), []);
});
