/** `npm run bench [NAME...]`: every `*.bench.ts` beside this file, or those named, in one table. A row is printed once it is known. */
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';

interface Row {
  readonly name: string;
  readonly value: string;
  readonly note: string;
}

const names = process.argv.slice(2);
const files = globSync(join(import.meta.dirname, '*.bench.ts'))
  .filter((file) => names.length === 0 || names.includes(basename(file, '.bench.ts')))
  .sort();
if (files.length === 0) {
  console.error(`there is no benchmark ${names.join(', ')}`);
  process.exit(2);
}
for (const file of files) {
  const { run } = (await import(file)) as { run: () => Promise<Row[]> | AsyncIterable<Row> };
  for await (const { name, value, note } of await run())
    console.log(`${name.padEnd(56)} ${value.padStart(16)}  ${note}`);
}
