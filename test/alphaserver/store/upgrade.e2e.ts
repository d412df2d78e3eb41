/** A store of the version before is opened by this one: nothing is lost, and each answer is what it was. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { comparable, OLD_FILES, type OldFile, oldAnswers, unpackOldStore } from '../../old-store.ts';
import { Pair } from '../../programs.ts';
import { until } from '../../until.ts';
import { dice } from '../detection/mixed.ts';

/** Keeps what the store holds, whatever day it is. */
const FOR_EVER = { ALPHASERVER_RETENTION: '36500d' };

const KILLS = 5;
/** The longest that a server is left alone once it has opened the store: about as long as it takes to serve. */
const ALIVE_LIMIT_MS = 600;

/** Starts a server and kills it at random moments of the upgrade, again and again. */
async function killAtRandom(pair: Pair, seed: number): Promise<void> {
  const roll = dice(seed);
  const log = join(pair.folder, 'server', 'asgard.db-wal');
  for (let n = 0; n < KILLS; n += 1) {
    const server = pair.server(FOR_EVER);
    await until(
      () => existsSync(log),
      () => server.output,
    );
    // As often right after the first write as later: the first steps take milliseconds.
    await delay(ALIVE_LIMIT_MS * (roll(1_000) / 1_000) ** 2);
    await server.end('SIGKILL');
  }
}

async function answersAsBefore(files: readonly OldFile[], seed: number | null = null): Promise<void> {
  const pair = await Pair.make();
  try {
    unpackOldStore(join(pair.folder, 'server'), files);
    if (seed !== null) await killAtRandom(pair, seed);
    const server = await pair.serving(FOR_EVER);
    for (const [path, before] of Object.entries(oldAnswers())) {
      if (path.startsWith('/api/alerts')) continue;
      let answer: { readonly error?: unknown } = {};
      // Refused in words while counts that were lost are made again from the events.
      await until(
        async () => {
          answer = await pair.api(path);
          return typeof answer.error !== 'string';
        },
        () => `${path}\n${server.output}`,
      );
      assert.deepEqual(comparable(path, answer), before, `${path}, SEED=${seed}`);
    }
  } finally {
    await pair.close();
  }
}

it('a store of the version before answers as it did', () => answersAsBefore(OLD_FILES));

it('a store of the version before whose counts are lost makes them again from its events', () =>
  answersAsBefore(['asgard.db', 'memory.db']));

it('a store of the version before, upgraded by servers that are killed at random, answers as it did', () =>
  answersAsBefore(OLD_FILES, Number(process.env['SEED'] ?? randomInt(1e9))));
