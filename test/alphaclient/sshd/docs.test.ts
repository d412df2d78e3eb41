import { equal, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { RULES } from '../../../alphaclient/sshd/grammar.ts';
import { PAGE, page } from '../../docs/sshd-lines.ts';

it('docs/sshd-lines.md is what `npm run docs` would write, and names every rule', () => {
  equal(readFileSync(PAGE, 'utf8'), page());
  for (const rule of RULES) ok(page().includes(rule.example), rule.name);
});
