/** Logs each line of its standard input to its standard output, and answers each on standard error. */
import { createInterface } from 'node:readline';
import { createLogger } from '../../service/logger.ts';

const log = createLogger({ level: 'info', format: 'plain' });
for await (const line of createInterface({ input: process.stdin })) {
  log.info(line);
  process.stderr.write('logged\n');
}
