import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { groupsOf, groupWords, newOf } from '../../../../alphaserver/web/page/incident-groups.js';

type Concern = Parameters<typeof groupsOf>[0][number];
const concern = (id: number, more: object = {}, standing = 'closed'): Concern =>
  ({
    alert: {
      ...{ id: `i${id}`, rule: 'brute-force', source: `192.0.2.${id}`, user: null, host: 'web-1' },
      openedAt: new Date(id * 1_000).toISOString(),
      ...more,
    },
    standing,
    attack: false,
  }) as unknown as Concern;
const grouped = (concerns: readonly Concern[]) =>
  groupsOf(concerns).map((group) => [group.by, group.members.length, groupWords(group)]);

describe('incidents that are one thing', () => {
  it('are those of one source', () => {
    const source = '203.0.113.7';
    assert.deepEqual(
      grouped([
        concern(1, { source }, 'open'),
        concern(2, { source, rule: 'user-enumeration' }, 'open'),
        concern(3, {}, 'open'),
      ]),
      [
        ['subject', 2, 'and 1 more of this source'],
        ['one', 1, null],
      ],
    );
  });

  it('are a day of scans by many sources, once they are over', () => {
    const many = Array.from({ length: 192 }, (_, i) => concern(i));
    assert.deepEqual(grouped(many), [['rule', 192, '192 incidents of brute-force by 192 sources']]);
    assert.deepEqual(grouped(many.slice(0, 1)), [['one', 1, null]]);
  });

  it('are those of one rule where too many go on to be named', () => {
    const open = (count: number) => Array.from({ length: count }, (_, i) => concern(i, {}, 'open'));
    assert.equal(grouped(open(3)).length, 3);
    assert.deepEqual(grouped(open(4)), [['rule', 4, '4 incidents of brute-force by 4 sources']]);
  });

  it('leave each break-in that nobody has looked at alone', () => {
    const breaches = Array.from({ length: 9 }, (_, i) => concern(i, { rule: 'break-in' }, 'unacknowledged'));
    assert.deepEqual(
      grouped(breaches).map(([by]) => by),
      Array(9).fill('one'),
    );
  });

  it('lose none, and keep their order', () => {
    const concerns = [
      concern(1, {}, 'unacknowledged'),
      ...Array.from({ length: 50 }, (_, i) => concern(i % 7, {}, i % 2 ? 'open' : 'closed')),
    ];
    const groups = groupsOf(concerns);
    assert.deepEqual(new Set(groups.flatMap(({ members }) => members)), new Set(concerns));
    assert.equal(groups[0]?.lead, concerns[0]);
  });

  it('are new where they opened after the last look, and not at the first', () => {
    assert.equal(newOf([concern(1), concern(5)], 3_000), 1);
    assert.equal(newOf([concern(1), concern(5)], null), 0);
  });
});
