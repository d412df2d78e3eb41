/** Attempts that a test writes into the log of a pair of programs, and the check that each of them is stored once. */
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import type { Pair } from './programs.ts';
import { until } from './until.ts';

/** A disk that has just got room again may take its time. */
const STORED_LIMIT_MS = 60_000;

type Count = 'sent' | 'stored' | 'gaps' | 'waiting' | 'repeats' | 'linesRead';

export interface Ledger {
  readonly agents: readonly Record<Count, number>[];
  readonly totals: Record<Count, number>;
}

export class Attempts {
  readonly #pair: Pair;
  /** So many are written. */
  count = 0;

  constructor(pair: Pair) {
    this.#pair = pair;
  }

  /** Appends failed logins, each with a user of its own: u1, u2 and so on. */
  write(count: number, file = this.#pair.logFile): void {
    let lines = '';
    for (let i = 0; i < count; i += 1) {
      this.count += 1;
      lines += `Failed password for u${this.count} from 192.0.2.7 port ${2_000 + (this.count % 60_000)} ssh2\r\n`;
    }
    appendFileSync(file, lines);
  }

  /** The users of all stored events, oldest first. */
  async users(): Promise<string[]> {
    return (await this.#pair.events()).map(({ user }) => user).reverse();
  }

  /** Waits until every attempt that was written is stored, and checks that each is once. */
  async exactlyOnce(): Promise<void> {
    // The number first: reading all events is dear where there are many.
    await until(
      async () => (await this.#ledger()).totals.stored >= this.count,
      () => `${this.count} attempts stored`,
      STORED_LIMIT_MS,
    );
    // A dear result of before may be given again for a while.
    let users: string[] = [];
    await until(
      async () => {
        users = await this.users();
        return users.length >= this.count;
      },
      () => `${this.count} attempts shown, ${users.length} are`,
      STORED_LIMIT_MS,
    );
    assert.deepEqual(users.sort(), Array.from({ length: this.count }, (_, i) => `u${i + 1}`).sort());
  }

  /** Checks that the server's account of the agent and the agent's own are the same, and add up to what was written. */
  async ledgersAgree(): Promise<void> {
    await until(async () => /"waiting":0,/.test((await this.#pair.command('status', '--json')).output));
    await until(async () => (await this.#ledger()).totals.waiting === 0);
    const { agents, totals } = await this.#ledger();
    const reported = JSON.parse((await this.#pair.command('status', '--json')).output) as {
      events: number;
      acknowledged: number;
      waiting: number;
      logs: { lines: number }[];
    };
    const [account] = agents;
    assert.equal(agents.length, 1);
    assert.equal(account?.sent, (account?.stored ?? 0) + (account?.gaps ?? 0) + (account?.waiting ?? 0));
    assert.deepEqual([account?.stored, account?.gaps, account?.waiting], [this.count, 0, 0]);
    assert.deepEqual([reported.events, reported.acknowledged, reported.waiting], [this.count, this.count, 0]);
    // A last report may still be on its way: it goes with the next ping.
    await until(async () => (await this.#ledger()).totals.linesRead === this.count, undefined, STORED_LIMIT_MS);
    assert.equal(reported.logs[0]?.lines, this.count);
    assert.deepEqual([totals.sent, totals.stored], [this.count, this.count]);
  }

  #ledger(): Promise<Ledger> {
    return this.#pair.api<Ledger>('/api/ledger');
  }
}
