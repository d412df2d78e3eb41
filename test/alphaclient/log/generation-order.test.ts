/** Lines are emitted in the order in which they were written, through all generations that came while the agent was down. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Log } from '../../chaos/log.ts';
import { Random } from '../../demo/random.ts';
import { until } from '../../until.ts';
import { compress, Followed, lines } from './followed.ts';

for (const compressed of [[1], [2], [3], [1, 2], [2, 3]])
  test(`an unread generation that was compressed is read before newer ones: ${compressed} of 3`, async (t) => {
    const log = new Followed(t);
    writeFileSync(log.path, lines(0, 10));
    log.start();
    await log.shows(lines(0, 10));
    log.stop();
    for (const date of [1, 2, 3]) {
      renameSync(log.path, `${log.path}-2026010${date}`);
      writeFileSync(log.path, lines(date * 10, date * 10 + 10));
    }
    for (const date of compressed) compress(`${log.path}-2026010${date}`, 'gz');
    log.start();
    await log.shows(lines(0, 40));
  });

test('any rotations while the agent is down leave the order of the lines', async (t) => {
  const firstSeed = Number(process.env['SEED'] ?? randomInt(1e9));
  for (let seed = firstSeed; seed < firstSeed + 30; seed += 1) {
    const random = new Random(seed);
    const followed = new Followed(t);
    const log = new Log(followed.path, random.pick(['number', 'date', 'link']), random);
    const users = (): number[] => [...followed.text.matchAll(/password for u(\d+) /g)].map(([, user]) => Number(user));
    const written = () => Array.from({ length: log.truth.size }, (_, i) => i + 1);
    const allRead = (): Promise<void> =>
      until(
        () => users().length >= log.truth.size,
        () => `SEED=${seed}: ${users().length} of ${log.truth.size}`,
      );
    log.write(random.whole(1, 40));
    log.finishLine();
    followed.start();
    await allRead();
    if (random.chance(0.5)) log.copyAndTruncate();
    followed.stop();
    for (let rotations = random.whole(2, 4); rotations > 0; rotations -= 1) {
      log.write(random.whole(1, 40));
      if (random.chance(0.6) || !log.copyAndTruncate()) {
        log.rename();
        log.reopen();
      }
      if (random.chance(0.4)) log.pack();
    }
    followed.start();
    log.write(1);
    log.finishLine();
    await allRead();
    followed.stop();
    log.close();
    assert.deepEqual(users(), written(), `SEED=${seed}`);
  }
});
