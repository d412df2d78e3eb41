/** Written expectations: what programs say, as text in `test/expected`, to be read as a whole. */
import { fail } from 'node:assert';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Lines that are shown before and behind the first difference. */
const CONTEXT_LINES = 3;

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
  const [there, wanted] = [actual.split('\n'), expected.split('\n')];
  const first = there.findIndex((line, i) => line !== wanted[i]);
  const at = first < 0 ? there.length : first;
  const shown = (lines: readonly string[]): string =>
    lines.slice(Math.max(0, at - CONTEXT_LINES), at + CONTEXT_LINES + 1).join('\n');
  fail(
    `not as in test/expected/${name} from line ${at + 1}; what there is stands in ${place}: read it, and put it there if it is right\nexpected:\n${shown(wanted)}\nthere is:\n${shown(there)}`,
  );
}
