import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ScanOrder, WAITING_LIMIT_EVENTS } from '../../alphaclient/scan-order.ts';
import type { Sighting } from '../../alphaclient/sshd/reader.ts';
import { NAME_LIMIT, Tally } from '../../alphaclient/tally.ts';
import { Random } from '../demo/random.ts';

function at(line: number): Sighting {
  return {
    event: { at: null, outcome: 'probe', method: null, user: null, invalidUser: null, ip: null, port: null },
    line,
  };
}

describe('events in log order', () => {
  it('wait for what may still come before them, and go out sorted', () => {
    const order = new ScanOrder();
    deepEqual(
      order.take([at(3), at(5)], 2).map(({ line }) => line),
      [],
    );
    deepEqual(
      order.take([at(2), at(7)], 6).map(({ line }) => line),
      [2, 3, 5],
    );
    deepEqual(
      order.take([], Number.POSITIVE_INFINITY).map(({ line }) => line),
      [7],
    );
  });

  it('come out by line, whatever comes late, each once', (t) => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
    t.diagnostic(`SEED=${seed}`);
    const random = new Random(seed);
    for (let round = 0; round < 200; round++) {
      const order = new ScanOrder();
      const out: number[] = [];
      const all: number[] = [];
      let open = 0;
      for (let step = 0; step < 20; step++) {
        const fresh = Array.from({ length: random.whole(0, 8) }, () => open + random.whole(0, 30));
        open += random.whole(0, 15);
        all.push(...fresh);
        // Nothing is to come from before `open`, but what has just come may be.
        out.push(...order.take(fresh.map(at), open).map(({ line }) => line));
      }
      out.push(...order.take([], Number.POSITIVE_INFINITY).map(({ line }) => line));
      deepEqual(
        out,
        all.sort((a, b) => a - b),
      );
    }
  });

  it('wait in no greater number than the limit', () => {
    const order = new ScanOrder();
    const many = Array.from({ length: WAITING_LIMIT_EVENTS + 10 }, (_, i) => at(i + 2));
    equal(order.take(many, 1).length, 10);
    equal(order.take([], Number.POSITIVE_INFINITY).length, WAITING_LIMIT_EVENTS);
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
