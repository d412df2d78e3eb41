/**
 * alphaclient's command line. Each command imports only the modules it needs, as V8 compiled them the last time: a scan of a small
 * log should take no longer than its reading.
 */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// The cache is beside the packages and not in the shared folder for temporary files, where others could write code into it. Where
// nothing can be written it fails silently, at the cost of speed alone. `npm run alphaclient` passes the same folder to Node, so
// that this file is cached too; start.sh has V8's options.
enableCompileCache(join(import.meta.dirname, '..', 'node_modules', '.cache', 'node'));

// Only now: what is imported before is compiled anew each time.
const [{ runProgram }, { alphaclient }] = await Promise.all([
  import('../service/command-line.ts'),
  import('./commands/commands.ts'),
]);
// Whatever a command writes is for its owner alone.
process.umask(0o077);
const { stdout, stderr, stdin } = process;
const io = { stdout, stderr, stdin, env: process.env, nowMs: Date.now() };
process.exitCode = await runProgram(alphaclient(io), process.argv.slice(2), io);
