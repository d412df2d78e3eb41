/** A program for tests to kill: writes down what it reads of a journal together with the position, in one write. */
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import { JournalSource } from '../../../alphaclient/log/journal-source.ts';
import type { LogPosition } from '../../../alphaclient/log/source.ts';

const [notes = '', ...command] = process.argv.slice(2);
const before = existsSync(notes) ? readFileSync(notes, 'utf8') : '';
// A kill may have left the beginning of a note: nobody counts it before its line feed.
const whole = before.slice(0, before.lastIndexOf('\n') + 1);
if (whole !== before) truncateSync(notes, Buffer.byteLength(whole));
const last = whole.trim().split('\n').at(-1);
const position = last ? (JSON.parse(last) as { position: LogPosition }).position : null;
const log = { info: () => {}, warn: () => {}, error: () => {} };
const source = new JournalSource({ position, from: 'start', log, command });
for (let chunk = await source.next(); chunk; chunk = await source.next()) {
  const lines = Buffer.from(chunk.bytes).toString().split('\n').filter(Boolean);
  const all = lines.map((line) => (JSON.parse(line) as { MESSAGE: string }).MESSAGE);
  appendFileSync(notes, `${JSON.stringify({ position: chunk.position, all })}\n`);
}
