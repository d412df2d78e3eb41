import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LogOrder, PENDING_LIMIT_EVENTS } from '../../../alphaclient/commands/log-order.ts';
import { Random } from '../../demo/random.ts';

/** Adds outputs that are the numbers of their lines; `emitted` returns those that can be emitted. */
class Lines {
  readonly order = new LogOrder<string>();

  add(lines: readonly number[]): void {
    for (const line of lines) this.order.add(line, `${line}`);
  }

  emitted(openLine: number): number[] {
    const due: number[] = [];
    this.order.emit(openLine, (text) => due.push(Number(text)));
    return due;
  }
}

const byLine = (lines: readonly number[]): number[] => [...lines].sort((a, b) => a - b);

describe('outputs in log order', () => {
  it('are pending while an earlier one may come, and are emitted sorted', () => {
    const lines = new Lines();
    lines.add([3, 5]);
    deepEqual(lines.emitted(2), []);
    lines.add([2, 7]);
    deepEqual(lines.emitted(6), [2, 3, 5]);
    deepEqual(lines.emitted(Number.POSITIVE_INFINITY), [7]);
    deepEqual(lines.emitted(Number.POSITIVE_INFINITY), []);
  });

  it('are emitted by line, each once, whatever comes late', (t) => {
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
        // No later output is of a line before `open`; one just added may be.
        out.push(...lines.emitted(open));
      }
      out.push(...lines.emitted(Number.POSITIVE_INFINITY));
      deepEqual(out, byLine(all));
    }
  });

  it('are emitted by line where as many come late as are pending', () => {
    const lines = new Lines();
    const early = Array.from({ length: 4_000 }, (_, i) => i * 2);
    const late = Array.from({ length: 4_000 }, (_, i) => (i * 7_919) % 8_000);
    lines.add(early);
    deepEqual(lines.emitted(0), []);
    lines.add(late);
    deepEqual(lines.emitted(Number.POSITIVE_INFINITY), byLine([...early, ...late]));
  });

  it('keep the order in which they were added where they are of one line, few or many', () => {
    for (const many of [3, 2_000]) {
      const order = new LogOrder<string>();
      for (let i = 0; i < many; i++) order.add(9, `nine ${i}`);
      for (let i = 0; i < many; i++) order.add(5, `five ${i}`);
      const due: string[] = [];
      order.emit(Number.POSITIVE_INFINITY, (text) => due.push(text));
      const numbered = (name: string): string[] => Array.from({ length: many }, (_, i) => `${name} ${i}`);
      deepEqual(due, [...numbered('five'), ...numbered('nine')]);
    }
  });

  it('are pending in no greater number than the limit', () => {
    const lines = new Lines();
    lines.add(Array.from({ length: PENDING_LIMIT_EVENTS + 10 }, (_, i) => i + 2));
    equal(lines.emitted(1).length, 10);
    equal(lines.emitted(Number.POSITIVE_INFINITY).length, PENDING_LIMIT_EVENTS);
  });
});
