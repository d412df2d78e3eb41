/** `npm run demo`. */
import { parseArgs } from 'node:util';
import { onShutdown } from '../../service/shutdown.ts';
import { Demo } from './demo.ts';

/** Above what the demo's programs may take to stop. */
const STOP_LIMIT_MS = 20_000;

const args = process.argv.slice(2);
// Without a number, `--scale` is a fleet of another size, and not more of the same week.
const isLarge = args.some((arg, i) => arg === '--scale' && !/^\d/.test(args[i + 1] ?? ''));
const { seed, scale, port } = parseArgs({
  args: isLarge ? args.filter((arg) => arg !== '--scale') : args,
  options: {
    seed: { type: 'string', default: '1' },
    scale: { type: 'string', default: '1' },
    port: { type: 'string', default: '8080' },
  },
}).values;
if (![seed, scale, port].every((given) => Number(given) >= 0)) {
  console.error('usage: npm run demo -- [--seed NUMBER] [--scale [NUMBER]] [--port PORT]');
  process.exit(2);
}

const starting = Demo.start({
  seed: Number(seed),
  scale: Number(scale),
  large: isLarge,
  port: Number(port),
  say: (line) => console.log(line),
});
onShutdown(async () => (await starting).stop(), STOP_LIMIT_MS, { error: (message) => console.error(message) });
const demo = await starting;
console.log(`Page: ${demo.page}`);
await demo.past();
console.log('The week is stored; now it goes on live. Ctrl-C ends the demo and removes what it made.');
