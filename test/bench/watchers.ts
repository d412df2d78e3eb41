/** People who watch, in a process of their own until it is killed: BASE COUNT. Each has the live stream open and asks for the page's data every 5 s. */
import { get } from 'node:http';
import { constants, setPriority } from 'node:os';
import { asked, page } from './questions.ts';

const EVERY_MS = 5_000;
// Their browsers are on other machines: here they give way, so that what is measured is what the server does to itself.
setPriority(constants.priority.PRIORITY_LOW);
const [base = '', count = '0'] = process.argv.slice(2);
let n = 0;
for (let i = 0; i < Number(count); i += 1) {
  get(`${base}/api/stream`, (response) => response.resume());
  const look = async (): Promise<void> => {
    n += 1;
    await Promise.all(page(Date.now(), n).map((path) => asked(base, path)));
    setTimeout(look, EVERY_MS);
  };
  setTimeout(look, (i / Number(count)) * EVERY_MS);
}
process.stdout.write('watching\n');
