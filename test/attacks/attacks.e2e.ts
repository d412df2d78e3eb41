import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../until.ts';
import { attack, UNPACED } from './attacks.ts';
import { fortress, MEMORY_LIMIT_MIB } from './fortress.ts';
import { acknowledged } from './good-agent.ts';

test('under all attacks at once the server stays within its memory, and an agent that behaves well is acknowledged', async (t) => {
  const { pair, server, target, goodToken, idleMiB, peakMiB, close } = await fortress();
  const stop = attack(target);
  t.after(async () => {
    stop();
    await close();
  });
  const tookMs = await acknowledged(target.port, goodToken, 150, 50);
  assert.equal(tookMs.length, 150);
  const grownMiB = peakMiB() - idleMiB;
  t.diagnostic(`grew by ${grownMiB.toFixed()} MiB over ${idleMiB.toFixed()} MiB`);
  assert.ok(grownMiB < MEMORY_LIMIT_MIB, `grew by ${grownMiB} MiB`);
  stop();
  // Whoever else has the password is served, as soon as there is room again.
  const authorization = `Basic ${Buffer.from(`:${target.password}`).toString('base64')}`;
  let stored: unknown;
  await until(
    async () => {
      const answer = await fetch(`http://127.0.0.1:${pair.httpPort}/api/events?host=good&limit=1000`, {
        headers: { authorization },
      }).catch(String);
      stored = typeof answer === 'string' ? answer : await answer.json();
      return (stored as { events?: unknown[] }).events?.length === 150;
    },
    () => JSON.stringify(stored).slice(0, 300),
  );
  assert.equal(await server.end('SIGTERM'), 0, server.output);
});

test('a server that is flooded as fast as it reads ends in order within its time', async (t) => {
  const { server, target, goodToken, close } = await fortress();
  const stop = attack(target, [UNPACED]);
  t.after(async () => {
    stop();
    await close();
  });
  await acknowledged(target.port, goodToken, 100, 50);
  // A server that is not done in five seconds gives up, with 1.
  assert.equal(await server.end('SIGTERM'), 0, server.output);
});
