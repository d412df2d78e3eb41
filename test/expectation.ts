/** Written expectations: what programs say, as text in `test/expected`, to be read as a whole. */
import { strictEqual } from 'node:assert';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Compares a text with the one that is expected. Where it differs, what there is stands in a file that can be put in its place. */
export function isExpected(name: string, actual: string): void {
  const file = join(import.meta.dirname, 'expected', name);
  const place = join(tmpdir(), name);
  let expected = '';
  try {
    expected = readFileSync(file, 'utf8');
  } catch {
    // A new one is compared with nothing.
  }
  if (actual === expected) return;
  writeFileSync(place, actual);
  strictEqual(actual, expected, `not as in test/expected/${name}; what there is stands in ${place}`);
}
