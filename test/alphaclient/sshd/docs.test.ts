import { equal, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { MESSAGE_ROWS } from '../../../alphaclient/sshd/message-parser.ts';
import { PAGE, page } from '../../docs/sshd-lines.ts';

it('docs/sshd-lines.md is what `npm run docs` would write, and names every row', () => {
  equal(readFileSync(PAGE, 'utf8'), page());
  for (const row of MESSAGE_ROWS) ok(page().includes(row.example), row.name);
});
