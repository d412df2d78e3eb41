/** What is judged ahead of older events comes out the same in the end, in whatever turns the two are taken. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import test from 'node:test';
import type { Engine } from '../../../alphaserver/detection/engine.ts';
import type { Incident } from '../../../alphaserver/detection/incident.ts';
import { applyChanges } from '../../../alphaserver/detection/incident-tracker.ts';
import { Lookahead, resolveProvisional } from '../../../alphaserver/detection/lookahead.ts';
import type { RuleRow } from '../../../alphaserver/store/event-rows.ts';
import { dice, mixed } from './mixed.ts';
import { engineWith, type Given, Ledger, optionsWith, Rows, repeated, START_MS, stored } from './stream.ts';

const seed = Number(process.env['SEED'] ?? randomInt(1e9));
/**
 * Of the first seed the lookahead regroups an incident that the engine does not raise; of the second, late events undo a scan
 * and bring it back between two calls of `changes`; of the others, a late event takes the place of another one in an incident.
 */
const KNOWN_SEEDS = [873_434_300, 873_434_337, 490_487_857, 947_540_671];

/** Two streams as a store has them: an old log that comes in a burst, and between its events what happens now. */
function backlog(
  given: readonly Given[],
  nowS: number,
  roll: (below: number) => number,
): { rows: RuleRow[]; table: Rows } {
  const table = new Rows();
  const old = given.filter(({ at }) => at < nowS);
  const now = given.filter(({ at }) => at >= nowS);
  const rows: RuleRow[] = [];
  for (const [oldest, newest] = [old.values(), now.values()]; ; ) {
    const isOld = roll(5) > 0;
    const { value } = isOld ? oldest.next() : newest.next();
    const one = value ?? (isOld ? newest : oldest).next().value;
    if (!one) return { rows, table };
    const id = rows.length + 1;
    rows.push(
      table.of(stored({ ...one, lag: Math.max(0, nowS - one.at), agent: `${one.agent} ${isOld ? 'old' : ''}` }, id)),
    );
  }
}

/** The incidents when nothing is judged ahead. */
function inOrder(rows: readonly RuleRow[], table: Rows): Incident[] {
  const engine = engineWith(table);
  const ledger = new Ledger();
  for (const row of rows) engine.take(row);
  ledger.drain(engine, 1e8);
  return ledger.all();
}

test('random turns between what waits and what happens now: the same incidents, with the same ids', () => {
  let provisional = 0;
  let withdrawn = 0;
  for (const one of [...KNOWN_SEEDS, ...Array.from({ length: 40 }, (_, i) => seed + i)]) {
    const roll = dice(one);
    const given = mixed(one, 600);
    const nowS = (given[400] as Given).at;
    const { rows, table } = backlog(given, nowS, roll);
    const clockMs = START_MS + (given.at(-1) as Given).at * 1_000;
    const ledger = new Ledger();
    const flagged = new Map<string, Incident>();
    const engine = engineWith(table);
    let lookahead: Lookahead | null = null;
    let ahead = 0;
    const drain = (from: Engine): void => {
      for (const change of from.changes(clockMs, { limit: 5 })) {
        if (change.type === 'incident') flagged.delete(change.incident.id);
        applyChanges([change], ledger.incidents);
      }
    };
    for (let taken = 0; taken < rows.length; ) {
      const turn = roll(3);
      if (turn === 0) {
        lookahead ??= new Lookahead(optionsWith(table), engine);
        ahead = Math.max(ahead, taken);
        for (const row of rows.slice(ahead, ahead + roll(60)))
          if (row[2] >= START_MS + nowS * 1_000) lookahead.take(row);
        ahead = Math.min(rows.length, ahead + 60);
        for (const change of lookahead.changes(clockMs)) {
          const id = change.type === 'incident' ? change.incident.id : change.id;
          // What the engine has given is not changed by what is provisional, as where incidents are written.
          if (ledger.incidents.has(id) && !flagged.has(id)) continue;
          applyChanges([change], ledger.incidents);
          if (change.type === 'incident' && !flagged.has(id)) provisional += 1;
          if (change.type === 'incident') flagged.set(id, change.incident);
          // One that is regrouped stays provisional.
          else if (change.type === 'withdrawn') flagged.delete(id);
        }
        continue;
      }
      for (const row of rows.slice(taken, taken + 20)) engine.take(row);
      taken = Math.min(rows.length, taken + 20);
      drain(engine);
      if (taken < ahead || !lookahead) continue;
      const resolved = resolveProvisional(engine, [...flagged.values()], clockMs);
      withdrawn += resolved.filter(({ type }) => type === 'withdrawn').length;
      applyChanges(resolved, ledger.incidents);
      flagged.clear();
      lookahead = null;
    }
    for (let left = 1; left > 0; left = engine.size.waiting) drain(engine);
    ledger.drain(engine, 1e8);
    assert.deepEqual(ledger.all(), inOrder(rows, table), `SEED=${one}`);
  }
  assert.ok(provisional > 100, `${provisional} provisional incidents are too few to say anything (SEED=${seed})`);
  assert.ok(withdrawn > 0, `none was withdrawn (SEED=${seed})`);
});

test('a break-in is raised ahead, by failures that the engine has counted and by those that happen now', () => {
  const table = new Rows();
  const engine = engineWith(table);
  const row = (given: Given, id: number): RuleRow => table.of(stored(given, id));
  for (const [i, one] of repeated(3, 1).entries()) engine.take(row(one, i + 1));
  const lookahead = new Lookahead(optionsWith(table), engine);
  for (const [i, one] of repeated(2, 1, { at: 100, host: 'web-2' }).entries()) lookahead.take(row(one, 1_000 + i));
  lookahead.take(row({ at: 110, outcome: 'accepted', host: 'web-3', user: 'mira' }, 1_002));
  const [change] = lookahead.changes(START_MS + 110_000);
  assert.equal(change?.type === 'incident' && change.incident.rule, 'break-in');
  assert.equal(engine.size.states, 3, 'nothing is written back');
});

test('what the engine has raised already is not given again, however it grows', () => {
  const table = new Rows();
  const engine = engineWith(table);
  for (const [i, one] of repeated(10, 1).entries()) engine.take(table.of(stored(one, i + 1)));
  assert.equal(engine.changes(START_MS).length, 1);
  const lookahead = new Lookahead(optionsWith(table), engine);
  for (const [i, one] of repeated(10, 1, { at: 20 }).entries()) lookahead.take(table.of(stored(one, i + 11)));
  assert.deepEqual(lookahead.changes(START_MS + 30_000), []);
});

test('a provisional incident that older events make part of another one is withdrawn in favour of it', () => {
  const table = new Rows();
  const engine = engineWith(table);
  const rows = [...repeated(12, 1), ...repeated(10, 1, { at: 20 })].map((one, i) => table.of(stored(one, i + 1)));
  const lookahead = new Lookahead(optionsWith(table), engine);
  for (const row of rows.slice(12)) lookahead.take(row);
  const incidents = new Map<string, Incident>();
  applyChanges(lookahead.changes(START_MS + 30_000), incidents);
  assert.equal(incidents.size, 1);
  const [provisional] = incidents.values();
  for (const row of rows) engine.take(row);
  applyChanges(engine.changes(START_MS + 30_000), incidents);
  assert.equal(incidents.size, 2);
  const resolved = resolveProvisional(engine, [provisional as Incident], START_MS + 30_000);
  const other = [...incidents.values()].find(({ id }) => id !== provisional?.id);
  assert.deepEqual(resolved, [
    { type: 'incident', incident: other },
    { type: 'withdrawn', id: provisional?.id, replacedBy: other?.id },
  ]);
});
