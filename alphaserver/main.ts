/** alphaserver's command line. */
import { runProgram } from '../service/command-line.ts';
import { alphaserver } from './cli/commands.ts';

// Whatever a command writes is for its owner alone.
process.umask(0o077);
const io = { stdout: process.stdout, stderr: process.stderr, env: process.env, nowMs: Date.now() };
process.exitCode = await runProgram(alphaserver(io), process.argv.slice(2), io);
