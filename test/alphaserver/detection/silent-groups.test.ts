/** Agents that fall silent together are one incident; single ones keep theirs. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_DETECTION } from '../../../alphaserver/alert-config/rules.ts';
import { AgentHealth, type AgentStatus } from '../../../alphaserver/detection/agent-health.ts';
import type { Incident } from '../../../alphaserver/detection/incident.ts';
import { TOGETHER_LEAST_AGENTS } from '../../../alphaserver/detection/silent-groups.ts';
import { configWith, START_MS } from './stream.ts';

const CHECK_EVERY_S = 5;

/** A fleet, by when each agent was heard last: seconds after START_MS, or Infinity for one that is heard all the time. */
class Fleet {
  readonly lastHeard = new Map<string, number>();
  readonly incidents = new Map<string, Incident>();
  /** The incidents that were reported to have opened, changed or closed, in order. */
  changes: Incident[] = [];
  #health: AgentHealth;
  #atS = 0;
  #config = DEFAULT_DETECTION;

  constructor(size: number) {
    for (let n = 1; n <= size; n++) this.lastHeard.set(`web-${n}`, Number.POSITIVE_INFINITY);
    this.#health = this.#made();
  }

  #made(): AgentHealth {
    return new AgentHealth({
      config: this.#config,
      startedMs: START_MS + this.#atS * 1_000,
      incidentId: (rule, agent, openedAt) => `${rule}/${agent}/${openedAt}`,
    });
  }

  /** Starts anew from the open incidents, as after a crash. */
  restart(): void {
    this.#health = this.#made();
    for (const incident of this.incidents.values()) if (incident.closedAt === null) this.#health.resume(incident);
  }

  configure(config: typeof DEFAULT_DETECTION): void {
    this.#config = config;
    this.#health.configure(config);
  }

  /** Goes on to a moment, with a check every five seconds. */
  until(atS: number): void {
    for (; this.#atS <= atS; this.#atS += CHECK_EVERY_S) {
      const agents = [...this.lastHeard].map(([host, heardS]): AgentStatus => {
        const lastSeen = START_MS + Math.min(heardS, this.#atS) * 1_000;
        const report = null;
        return {
          uuid: `id-${host}`,
          host,
          lastSeen,
          gaps: 0,
          report,
          reportedAt: null,
          endedAt: null,
          cloneAt: null,
          looked: null,
        };
      });
      const changed = this.#health.check(agents, START_MS + this.#atS * 1_000);
      this.changes.push(...changed);
      for (const incident of changed) this.incidents.set(incident.id, incident);
    }
  }

  /** Lets agents say nothing from a moment on, each a little later than the one before, as their heartbeats come. */
  silence(from: number, to: number, atS: number, spreadS = 0): void {
    for (let n = from; n <= to; n++) this.lastHeard.set(`web-${n}`, atS + (spreadS * (n - from)) / (to - from + 1));
  }

  hear(from: number, to: number): void {
    for (let n = from; n <= to; n++) this.lastHeard.set(`web-${n}`, Number.POSITIVE_INFINITY);
  }

  get open(): Incident[] {
    return [...this.incidents.values()].filter(({ closedAt }) => closedAt === null);
  }
}

test('8,000 agents that go away at once are one incident with a count and the first names, until the last is back', () => {
  const fleet = new Fleet(8_003);
  fleet.until(100);
  fleet.silence(1, 8_000, 100, 30);
  fleet.until(400);
  assert.equal(fleet.open.length, 1);
  const [all] = fleet.open as [Incident];
  assert.equal(all.count, 8_000);
  assert.deepEqual([all.rule, all.host, all.more, all.hosts.length], ['agent-silent', null, true, 64]);
  assert.match(
    all.summary,
    /^8000 agents fell silent together and have said nothing for 90 s and more: web-1, web-2, /,
  );
  assert.equal(fleet.incidents.size, 1, 'nothing was raised for single ones');
  fleet.hear(1, 7_998);
  fleet.until(410);
  assert.match(fleet.open[0]?.summary ?? '', /^2 of 8000 agents that fell silent together .*: web-7999, web-8000$/);
  fleet.changes = [];
  fleet.until(900);
  assert.deepEqual(fleet.changes, [], 'nothing is reported of what stays as it is');
  fleet.hear(7_999, 8_000);
  fleet.until(910);
  assert.deepEqual(fleet.open, []);
  assert.equal(fleet.incidents.get(all.id)?.closedAt, START_MS + 905_000);
});

test('fewer are an incident each, also one by one over a long time', () => {
  const fleet = new Fleet(40);
  fleet.until(100);
  fleet.silence(1, TOGETHER_LEAST_AGENTS - 1, 100);
  fleet.until(300);
  assert.equal(fleet.open.length, TOGETHER_LEAST_AGENTS - 1);
  // Each more than a minute after the one before: none together with ten.
  for (let n = 10; n <= 20; n++) {
    fleet.silence(n, n, 300 + (n - 10) * 70);
    fleet.until(300 + (n - 9) * 70);
  }
  fleet.until(1_300);
  assert.equal(fleet.open.length, 20);
  assert.ok(fleet.open.every(({ partOf, host }) => partOf === null && host !== null));
});

test('those that were first become parts of the incident of all, and are over', () => {
  const fleet = new Fleet(30);
  fleet.until(100);
  fleet.silence(1, 4, 100);
  fleet.silence(5, 20, 115);
  fleet.until(300);
  assert.equal(fleet.open.length, 1);
  const [all] = fleet.open as [Incident];
  assert.equal(all.count, 20);
  const parts = [...fleet.incidents.values()].filter(({ partOf }) => partOf === all.id);
  assert.deepEqual(
    parts.map(({ host, closedAt }) => [host, closedAt !== null]),
    [1, 2, 3, 4].map((n) => [`web-${n}`, true]),
  );
});

test('a second failure later is an incident of its own, and each closes with its own agents', () => {
  const fleet = new Fleet(60);
  fleet.until(100);
  fleet.silence(1, 20, 100);
  fleet.until(600);
  fleet.silence(21, 40, 600);
  fleet.until(900);
  assert.deepEqual(
    fleet.open.map(({ count }) => count),
    [20, 20],
  );
  const [first] = fleet.open as [Incident];
  fleet.hear(1, 20);
  fleet.until(910);
  assert.deepEqual([fleet.open.length, fleet.incidents.get(first.id)?.closedAt !== null], [1, true]);
});

test('a server that starts again knows who of them is silent still, and raises nothing anew', () => {
  const fleet = new Fleet(60);
  fleet.until(100);
  fleet.silence(1, 20, 100, 20);
  fleet.until(600);
  const [all] = fleet.open as [Incident];
  const known = fleet.incidents.size;
  fleet.hear(1, 5);
  fleet.restart();
  fleet.until(900);
  assert.deepEqual(
    fleet.open.map(({ id }) => id),
    [all.id],
  );
  assert.match(fleet.open[0]?.summary ?? '', /^15 of 20 agents/);
  fleet.hear(6, 20);
  fleet.until(910);
  assert.deepEqual([fleet.open.length, fleet.incidents.size], [0, known]);
});

test('agents that are forgotten, and a rule that is put off, end it', () => {
  const fleet = new Fleet(30);
  fleet.until(100);
  fleet.silence(1, 20, 100);
  fleet.until(300);
  for (let n = 1; n <= 19; n++) fleet.lastHeard.delete(`web-${n}`);
  fleet.until(310);
  assert.match(fleet.open[0]?.summary ?? '', /^1 of 20 agents that fell silent together .*: web-20$/);
  fleet.configure(configWith({ 'agent-silent': { on: false } }));
  fleet.until(320);
  assert.deepEqual(fleet.open, []);
});
