/** Every command of the programs with every option, as somebody types them who is wrong: compared with one written expectation. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { alphaclient } from '../alphaclient/commands/commands.ts';
import { alphaserver } from '../alphaserver/cli/commands.ts';
import { type Command, type Group, type Program, runProgram } from '../service/command-line.ts';
import { isExpected } from './expectation.ts';
import { Text } from './text.ts';

const folder = mkdtempSync(join(tmpdir(), 'command-lines-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** The commands of a program with the words that lead to them. */
function commandsOf(
  node: Command | Group,
  path: readonly string[] = [],
): [path: readonly string[], command: Command][] {
  if ('run' in node) return [[path, node]];
  return Object.entries(node.commands).flatMap(([word, next]) => commandsOf(next, [...path, word]));
}

/** Groups, the program among them, with the words that lead to them. */
function groupsOf(node: Command | Group, path: readonly string[] = []): (readonly string[])[] {
  if ('run' in node) return [];
  return [path, ...Object.entries(node.commands).flatMap(([word, next]) => groupsOf(next, [...path, word]))];
}

/** Every line that is wrong, or asks for help, for each command and each option. */
function linesOf(program: Program): string[][] {
  const lines: string[][] = [['--version'], ['-h'], ['help']];
  for (const path of groupsOf(program)) lines.push([...path, '--help'], [...path, 'nonsense'], [...path, '--nonsense']);
  for (const [path, { options, arguments: wanted }] of commandsOf(program)) {
    const words = Object.values(wanted).map(({ many }) => (many ? [] : ['name']));
    lines.push(
      [...path, '--help'],
      [...path, 'help'],
      [...path, '--version'],
      [...path, ...words.flat(), '--nonsense'],
    );
    if (Object.values(wanted).some(({ many, optional }) => !many && !optional)) lines.push([...path]);
    if (Object.values(wanted).every(({ many }) => !many)) lines.push([...path, ...words.flat(), 'more']);
    for (const [option, kind] of Object.entries(options))
      if ('parse' in kind)
        lines.push(
          [...path, ...words.flat(), `--${option}`],
          [...path, ...words.flat(), `--${option}`, 'x'.repeat(2_000)],
          [...path, ...words.flat(), `--${option}=1h`, `--${option}=1h`],
        );
      else
        lines.push(
          [...path, ...words.flat(), `--${option}=yes`],
          [...path, ...words.flat(), `--${option}`, `--${option}`],
        );
  }
  return lines;
}

/** What a program answers to each line. A text that came before is named by the line that it came for. */
async function transcript(make: (io: { stdout: Text; stderr: Text }) => Program): Promise<string> {
  const before = new Map<string, string>();
  let all = '';
  for (const line of linesOf(make({ stdout: new Text(), stderr: new Text() }))) {
    const io = { stdout: new Text(), stderr: new Text(), nowMs: Date.UTC(2026, 10, 23) };
    const program = make(io);
    const code = await runProgram(program, line, io);
    const shown = [program.name, ...line.map((word) => (word.length > 100 ? `${word.slice(0, 3)}...` : word))].join(
      ' ',
    );
    const text = io.stdout.text.replaceAll(program.version, 'VERSION');
    const known = text.includes('\n\n') ? before.get(text) : undefined;
    before.set(text, known ?? shown);
    all += `$ ${shown}\n${known ? `as $ ${known}\n` : text}${io.stderr.text}[exit ${code}]\n\n`;
  }
  return all.replaceAll(folder, 'FOLDER');
}

test('alphaserver answers every wrong line and every question for help as written down', async () => {
  const env = { ALPHASERVER_DATA: join(folder, 'none') };
  isExpected('alphaserver.txt', await transcript((io) => alphaserver({ ...io, env, nowMs: 0 })));
});

test('alphaclient answers every wrong line and every question for help as written down', async () => {
  const env = { ALPHACLIENT_STATE: join(folder, 'none') };
  const stdin = Readable.from([]);
  isExpected('alphaclient.txt', await transcript((io) => alphaclient({ ...io, env, stdin, nowMs: 0 })));
});
