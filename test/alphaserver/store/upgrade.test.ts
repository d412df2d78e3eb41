/** A store of the version before is opened by this one: nothing is lost, and each answer is what it was. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { comparable, OLD_FILES, type OldFile, oldAnswers, unpackOldStore } from '../../old-store.ts';
import { Pair } from '../../programs.ts';
import { until } from '../../until.ts';

/** Keeps what the store holds, whatever day it is. */
const FOR_EVER = { ALPHASERVER_RETENTION: '36500d' };

async function answersAsBefore(files: readonly OldFile[]): Promise<void> {
  const pair = await Pair.make();
  try {
    unpackOldStore(join(pair.folder, 'server'), files);
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
        () => `${path}\n${server.said}`,
      );
      assert.deepEqual(comparable(path, answer), before, path);
    }
  } finally {
    await pair.close();
  }
}

it('a store of the version before answers as it did', () => answersAsBefore(OLD_FILES));

it('a store of the version before whose counts are lost makes them again from its events', () =>
  answersAsBefore(['asgard.db', 'memory.db']));
