import { deepEqual, doesNotMatch, equal, match } from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { command, type Program, runProgram } from '../../service/command-line.ts';
import { UserError } from '../../service/user-error.ts';
import { textOf, wholeNumber } from '../../service/value-parser.ts';
import { Text } from '../text.ts';

const given: unknown[] = [];
const take = (values: unknown): number => {
  given.push(values);
  return 0;
};

const PROGRAM: Program = {
  name: 'tool',
  version: '1.2.3',
  notes: 'Notes of the program.\n',
  standard: 'run',
  commands: {
    run: command({ summary: 'runs', options: { loud: { help: 'with noise' } }, arguments: {}, run: take }),
    key: {
      commands: {
        add: command({
          summary: 'adds a key',
          options: { bits: { ...wholeNumber(1, 9), placeholder: 'N', help: 'its length' }, json: { help: 'as JSON' } },
          arguments: { name: { ...textOf(10), placeholder: 'NAME' } },
          run: take,
        }),
        fail: command({
          summary: 'fails',
          options: {},
          arguments: {},
          run: () => Promise.reject(new UserError('first\nsecond \u001b[2J', 1)),
        }),
      },
    },
    read: command({
      summary: 'reads files',
      options: {},
      arguments: { files: { ...textOf(100), placeholder: 'FILE', many: { least: 1 } } },
      run: take,
    }),
  },
};

async function run(...line: string[]): Promise<{ code: number; out: string; error: string; given: unknown }> {
  given.length = 0;
  const [stdout, stderr] = [new Text(), new Text()];
  const code = await runProgram(PROGRAM, line, { stdout, stderr, nowMs: 0 });
  return { code, out: stdout.text, error: stderr.text, given: given[0] };
}

test('options and arguments come in any order, and those that are not given are null or false', async () => {
  deepEqual((await run('key', 'add', '--bits', '3', 'a', '--json')).given, { bits: 3, json: true, name: 'a' });
  deepEqual((await run('key', 'add', 'a', '--bits=3')).given, { bits: 3, json: false, name: 'a' });
  deepEqual((await run('key', 'add', 'a')).given, { bits: null, json: false, name: 'a' });
  deepEqual((await run('key', 'add', '--', '--bits')).given, { bits: null, json: false, name: '--bits' });
  deepEqual((await run('read', 'a', '-', 'b')).given, { files: ['a', '-', 'b'] });
});

test('without a word the standard command runs, with its options', async () => {
  deepEqual((await run()).given, { loud: false });
  deepEqual((await run('--loud')).given, { loud: true });
  deepEqual((await run('run', '--loud')).given, { loud: true });
});

test('help is for the program, a group and a command, however it is asked for, and ends with 0', async () => {
  for (const line of [['--help'], ['-h'], ['help'], ['--loud', '--help']])
    match((await run(...line)).out, /^usage: tool \[run\] \[--loud\] +runs\n {7}tool key add /, line.join(' '));
  for (const line of [
    ['key', '--help'],
    ['key', '-h'],
    ['key', 'help'],
    ['help', 'key'],
  ])
    match(
      (await run(...line)).out,
      /^usage: tool key add \[--bits N\] \[--json\] NAME\n +adds a key\n {7}tool key fail/,
    );
  for (const line of [
    ['key', 'add', '--help'],
    ['key', 'add', 'a', '-h'],
    ['key', 'add', 'help'],
    ['help', 'key', 'add'],
  ]) {
    const { code, out, error } = await run(...line);
    deepEqual([code, error], [0, '']);
    equal(
      out,
      'usage: tool key add [--bits N] [--json] NAME\n\nIt adds a key.\n\n  --bits N  its length\n  --json    as JSON\n  --help    this text\n\nNotes of the program.\n',
    );
  }
});

test('the version is printed for the program, a group and a command', async () => {
  for (const line of [['--version'], ['key', '--version'], ['key', 'add', '--version'], ['run', '--version']])
    deepEqual(await run(...line), { code: 0, out: '1.2.3\n', error: '', given: undefined });
});

test('a wrong line is one line that begins with the command and says what it would take, with exit code 2', async () => {
  const wrong: [string[], string][] = [
    [['stop'], 'tool: "stop" is no command; there are run, key, read'],
    [['raed'], 'tool: "raed" is no command; did you mean read?'],
    [['key'], 'tool key: a command is missing; there are add, fail'],
    [['key', 'constructor'], 'tool key: "constructor" is no command; there are add, fail'],
    [['key', 'add', 'a', '--bit', '3'], 'tool key add: --bit is no option; did you mean --bits?'],
    [['key', 'add', 'a', '-x'], 'tool key add: -x is no option; it takes --bits, --json'],
    [['read', '--all', 'a'], 'tool read: --all is no option; it takes none'],
    [['key', 'add', 'a', '--bits'], 'tool key add: --bits needs a value: a whole number from 1 to 9'],
    [['key', 'add', 'a', '--bits', '0'], 'tool key add: --bits must be a whole number from 1 to 9'],
    [['key', 'add', 'a', '--json=1'], 'tool key add: --json takes no value'],
    [['key', 'add', 'a', '--json', '--json'], 'tool key add: --json is given twice'],
    [['key', 'add'], 'tool key add: NAME is missing: a text of at most 10 characters'],
    [['key', 'add', 'a', 'b'], 'tool key add: "b" is more than it takes; see --help'],
    [
      ['key', 'add', 'x'.repeat(11)],
      'tool key add: NAME must be a text of at most 10 characters, and not "xxxxxxxxxxx"',
    ],
    [['read'], 'tool read: FILE is missing: a text of at most 100 characters'],
    [['x\u001b[2J\n'], 'tool: "x\\u001b[2J\\u000a" is no command; there are run, key, read'],
  ];
  for (const [line, error] of wrong)
    deepEqual(await run(...line), { code: 2, out: '', error: `${error}\n`, given: undefined }, line.join(' '));
  match((await run(`--${'x'.repeat(5_000)}`)).error, /^tool: --x{200,300}…\n$/);
});

test('what a command could not do is reported under its name, a line each, escaped', async () => {
  const { code, error } = await run('key', 'fail');
  equal(code, 1);
  equal(error, 'tool key fail: first\ntool key fail: second \\u001b[2J\n');
});

test('output that nobody reads any more is no failure, and output that cannot be written is one', async () => {
  for (const [reason, code] of [
    ['EPIPE', 0],
    ['ENOSPC', 1],
  ] as const) {
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('no room'), { code: reason })),
    });
    const stderr = new Text();
    const printing: Program = {
      ...PROGRAM,
      commands: {
        run: command({
          summary: 'prints',
          options: {},
          arguments: {},
          run: async () => {
            stdout.write('text');
            await new Promise((later) => setImmediate(later));
            return 0;
          },
        }),
      },
    };
    equal(await runProgram(printing, [], { stdout, stderr, nowMs: 0 }), code, reason);
    equal(stderr.text, code === 0 ? '' : 'tool: no room\n');
  }
});

test('an error of the program itself is printed without its stack', async () => {
  const failing: Program = {
    ...PROGRAM,
    commands: {
      run: command({
        summary: 'fails',
        options: {},
        arguments: {},
        run: () => Promise.reject(new TypeError('no value')),
      }),
    },
  };
  const [stdout, stderr] = [new Text(), new Text()];
  equal(await runProgram(failing, [], { stdout, stderr, nowMs: 0 }), 1);
  equal(stderr.text, 'tool: no value\n');
  doesNotMatch(stderr.text, /at /);
});
