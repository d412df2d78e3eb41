import { equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NAMES_LIMIT, Tally } from '../../../alphaclient/commands/tally.ts';

describe('a tally', () => {
  it('keeps frequent names when there are more than it holds, and is then marked as full', () => {
    const tally = new Tally();
    for (let i = 0; i < NAMES_LIMIT + 10; i++) {
      tally.count(`once ${i}`, 'failed');
      if (i % 1_000 === 0) tally.count('often', 'failed');
    }
    equal(tally.full, true);
    equal(tally.top(1)[0]?.name, 'often');
    equal(tally.top(1)[0]?.failed, Math.ceil((NAMES_LIMIT + 10) / 1_000));
  });
});
