import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoggedProblems } from '../../service/logged-problems.ts';

const HOUR_MS = 3_600_000;

test('a problem is due to be logged once an hour, each by itself, and at once after all are forgotten', () => {
  const problems = new LoggedProblems(10);
  assert.equal(problems.isDue('a', 0), true);
  assert.equal(problems.isDue('a', HOUR_MS - 1), false);
  assert.equal(problems.isDue('b', HOUR_MS - 1), true);
  assert.equal(problems.isDue('a', HOUR_MS), true);
  assert.equal(problems.isDue('a', HOUR_MS + 1), false);
  problems.clear();
  assert.equal(problems.isDue('a', HOUR_MS + 1), true);
});

test('a clock that was set back keeps no problem quiet for more than an hour', () => {
  const problems = new LoggedProblems(10);
  assert.equal(problems.isDue('a', 100 * HOUR_MS), true);
  assert.equal(problems.isDue('a', 99 * HOUR_MS + 1), false);
  assert.equal(problems.isDue('a', 0), true);
});

test('beyond the bound the problem that was logged longest ago is forgotten', () => {
  const problems = new LoggedProblems(2);
  for (const [atMs, problem] of ['a', 'b', 'c'].entries()) assert.equal(problems.isDue(problem, atMs), true);
  assert.equal(problems.isDue('b', 3), false);
  assert.equal(problems.isDue('c', 3), false);
  assert.equal(problems.isDue('a', 3), true);
});
