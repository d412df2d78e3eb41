import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ScanOrder, WAITING_LIMIT_EVENTS } from '../../../alphaclient/commands/log-order.ts';
import { NAME_LIMIT, Tally } from '../../../alphaclient/commands/tally.ts';
import { Random } from '../../demo/random.ts';

/** Adds outputs that are the numbers of their lines, and gives those that are due. */
class Lines {
  readonly order = new ScanOrder();

  add(lines: readonly number[]): void {
    for (const line of lines) this.order.add(line, `${line}`);
  }

  due(openLine: number): number[] {
    const due: number[] = [];
    this.order.due(openLine, (text) => due.push(Number(text)));
    return due;
  }
}

const byLine = (lines: readonly number[]): number[] => [...lines].sort((a, b) => a - b);

describe('lines in log order', () => {
  it('wait for what may still come before them, and go out sorted', () => {
    const lines = new Lines();
    lines.add([3, 5]);
    deepEqual(lines.due(2), []);
    lines.add([2, 7]);
    deepEqual(lines.due(6), [2, 3, 5]);
    deepEqual(lines.due(Number.POSITIVE_INFINITY), [7]);
    deepEqual(lines.due(Number.POSITIVE_INFINITY), []);
  });

  it('come out by line, whatever comes late, each once', (t) => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
    t.diagnostic(`SEED=${seed}`);
    const random = new Random(seed);
    for (let round = 0; round < 200; round++) {
      const lines = new Lines();
      const out: number[] = [];
      const all: number[] = [];
      let open = 0;
      for (let step = 0; step < 20; step++) {
        const fresh = Array.from({ length: random.whole(0, 8) }, () => open + random.whole(0, 30));
        open += random.whole(0, 15);
        all.push(...fresh);
        lines.add(fresh);
        // Nothing is to come from before `open`, but what has just come may be.
        out.push(...lines.due(open));
      }
      out.push(...lines.due(Number.POSITIVE_INFINITY));
      deepEqual(out, byLine(all));
    }
  });

  it('come out by line where as many as there are come late at once', () => {
    const lines = new Lines();
    const early = Array.from({ length: 4_000 }, (_, i) => i * 2);
    const late = Array.from({ length: 4_000 }, (_, i) => (i * 7_919) % 8_000);
    lines.add(early);
    deepEqual(lines.due(0), []);
    lines.add(late);
    deepEqual(lines.due(Number.POSITIVE_INFINITY), byLine([...early, ...late]));
  });

  it('stay as they came where they are of one line, few or many', () => {
    for (const many of [3, 2_000]) {
      const order = new ScanOrder();
      for (let i = 0; i < many; i++) order.add(9, `nine ${i}`);
      for (let i = 0; i < many; i++) order.add(5, `five ${i}`);
      const due: string[] = [];
      order.due(Number.POSITIVE_INFINITY, (text) => due.push(text));
      const numbered = (name: string): string[] => Array.from({ length: many }, (_, i) => `${name} ${i}`);
      deepEqual(due, [...numbered('five'), ...numbered('nine')]);
    }
  });

  it('wait in no greater number than the limit', () => {
    const lines = new Lines();
    lines.add(Array.from({ length: WAITING_LIMIT_EVENTS + 10 }, (_, i) => i + 2));
    equal(lines.due(1).length, 10);
    equal(lines.due(Number.POSITIVE_INFINITY).length, WAITING_LIMIT_EVENTS);
  });
});

describe('a tally', () => {
  it('keeps what is frequent when there are more names than it holds, and says so', () => {
    const tally = new Tally();
    for (let i = 0; i < NAME_LIMIT + 10; i++) {
      tally.count(`once ${i}`, 'failed');
      if (i % 1_000 === 0) tally.count('often', 'failed');
    }
    equal(tally.full, true);
    equal(tally.top(1)[0]?.name, 'often');
    equal(tally.top(1)[0]?.failed, Math.ceil((NAME_LIMIT + 10) / 1_000));
  });
});
