/** alphaserver's command line. */
import { runProgram } from '../service/command-line.ts';
import { alphaserver } from './cli/commands.ts';

const io = { stdout: process.stdout, stderr: process.stderr, env: process.env, nowMs: Date.now() };
process.exitCode = await runProgram(alphaserver(io), process.argv.slice(2), io);
