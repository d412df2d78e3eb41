/** When the page asks again, without a browser. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Refresh, SHARED_MS } from '../../../../alphaserver/web/page/refresh.js';
import { until } from '../../../until.ts';

/** One question to the server that a test answers when it likes. */
interface Asked {
  readonly signal: AbortSignal;
  readonly answer: () => void;
  readonly refuse: (error: Error) => void;
}

describe('the refresh of asking', () => {
  const page = globalThis as { document?: { hidden: boolean } };
  const asked: Asked[] = [];
  const problems: string[] = [];
  const make = (): Refresh => {
    asked.length = 0;
    problems.length = 0;
    return new Refresh(
      (signal) => new Promise<void>((answer, refuse) => asked.push({ signal, answer, refuse })),
      (problem) => problems.push(problem),
    );
  };

  before(() => {
    page.document = { hidden: false };
  });
  after(() => {
    delete page.document;
  });

  it('lets an answer on its way arrive, however much happens meanwhile, and asks once more then', async () => {
    const refresh = make();
    refresh.anew();
    for (let event = 0; event < 5; event++) {
      refresh.within(0);
      await new Promise((later) => setTimeout(later, 2));
    }
    assert.equal(asked.length, 1);
    assert.equal(asked[0]?.signal.aborted, false);
    asked[0]?.answer();
    await until(() => asked.length === 2);
    assert.deepEqual(problems, ['']);
    refresh.stop();
  });

  it('waits, when the server is heard again, for the answer on its way, unless that never comes', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const refresh = make();
    refresh.again();
    refresh.again();
    assert.equal(asked.length, 1);
    t.mock.timers.tick(29_999);
    assert.equal(asked.length, 1);
    assert.equal(asked[0]?.signal.aborted, false);
    t.mock.timers.tick(1);
    assert.equal(asked.length, 2);
    assert.equal(asked[0]?.signal.aborted, true);
    refresh.stop();
  });

  it('lets go of an answer when something else is looked at, and says nothing of it', async () => {
    const refresh = make();
    refresh.anew();
    refresh.anew();
    assert.equal(asked[0]?.signal.aborted, true);
    asked[0]?.refuse(new Error('let go of'));
    asked[1]?.answer();
    await until(() => problems.length === 1);
    assert.deepEqual(problems, ['']);
    refresh.stop();
  });

  it('asks once more about a change when no answer of before is given any more, and then seldom again', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let nowMs = 0;
    t.mock.method(performance, 'now', () => nowMs);
    const refresh = make();
    const answered = async (): Promise<void> => {
      const round = asked.length;
      asked.at(-1)?.answer();
      for (let turn = 0; problems.length < round && turn < 10; turn++) await Promise.resolve();
      assert.equal(problems.length, round);
    };
    const passes = (ms: number): void => {
      nowMs += ms;
      t.mock.timers.tick(ms);
    };
    refresh.anew();
    await answered();
    refresh.changed(300);
    passes(300);
    assert.equal(asked.length, 2);
    await answered();
    passes(SHARED_MS - 301);
    assert.equal(asked.length, 2);
    passes(1);
    assert.equal(asked.length, 3);
    await answered();
    passes(14_999);
    assert.equal(asked.length, 3);
    passes(1);
    assert.equal(asked.length, 4);
    refresh.stop();
  });

  it('asks again where its time came just before the answer did, and the clock says that it is to come', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let nowMs = 0;
    t.mock.method(performance, 'now', () => nowMs);
    const refresh = make();
    refresh.anew();
    refresh.within(300);
    // Browsers cut the time of a timer to whole milliseconds.
    nowMs = 299.5;
    t.mock.timers.tick(300);
    asked[0]?.answer();
    for (let turn = 0; problems.length === 0 && turn < 10; turn++) await Promise.resolve();
    assert.deepEqual(problems, ['']);
    nowMs = 300;
    refresh.within(0);
    t.mock.timers.tick(20_000);
    assert.equal(asked.length, 2);
    refresh.stop();
  });

  it('says what went wrong', async () => {
    const refresh = make();
    refresh.anew();
    asked[0]?.refuse(new Error('the server does not answer'));
    await until(() => problems.length === 1);
    assert.deepEqual(problems, ['the server does not answer']);
    refresh.stop();
  });

  it('lets go of the rest of a round that one part refused, when it asks again or something else is looked at', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const refresh = make();
    const refused = async (round: number): Promise<void> => {
      asked[round]?.refuse(new Error('one part failed'));
      for (let turn = 0; problems.length <= round && turn < 10; turn++) await Promise.resolve();
      assert.equal(problems.length, round + 1);
      assert.equal(asked[round]?.signal.aborted, false);
    };
    refresh.anew();
    await refused(0);
    t.mock.timers.runAll();
    assert.equal(asked.length, 2);
    assert.equal(asked[0]?.signal.aborted, true);
    await refused(1);
    refresh.anew();
    assert.equal(asked[1]?.signal.aborted, true);
    assert.equal(asked[2]?.signal.aborted, false);
    refresh.stop();
  });
});
