/** What README and docs show is what the programs take: JSON, commands, settings, paths of the API, and the backup. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { after, describe, it } from 'node:test';
import { alphaclient } from '../../alphaclient/commands/commands.ts';
import { SETTING_NAMES as CLIENT_NAMES, readClientConfig } from '../../alphaclient/config.ts';
import { settingsIn } from '../../alphaserver/alert-config/rules-file.ts';
import { alphaserver } from '../../alphaserver/cli/commands.ts';
import { readServerConfig, SETTING_NAMES as SERVER_NAMES } from '../../alphaserver/config.ts';
import manifest from '../../package.json' with { type: 'json' };
import { type Command, type Group, type Program, runProgram } from '../../service/command-line.ts';
import { Served } from '../alphaserver/web/served.ts';
import { has, lacking } from '../e2e/machine.ts';
import { Text } from '../text.ts';
import { type Block, blocksIn, codeSpansIn, commandsIn, type ShellCommand } from './blocks.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** docs/sshd-lines.md is written from the table of messages, and has a test of its own. */
const FILES = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md') && name !== 'sshd-lines.md')
    .map((name) => join('docs', name)),
];
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'documentation-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const allBlocks: readonly (Block & { readonly file: string })[] = FILES.flatMap((file) =>
  blocksIn(read(file)).map((block) => ({ ...block, file })),
);
const place = ({ file, line }: { file: string; line: number }): string => `${file}:${line}`;

/** The words of a program in docs, however it is started. */
function programWords(words: readonly string[]): readonly string[] | null {
  const [first = '', ...rest] = words;
  const name = basename(first);
  if (name === 'alphaserver' || name === 'alphaclient') return [name, ...rest];
  if (first !== 'npm' || rest[0] !== 'run') return null;
  const [script, ...more] = rest.slice(1).filter((word) => word !== '-s');
  if (script !== 'alphaserver' && script !== 'alphaclient') return null;
  return [script, ...(more[0] === '--' ? more.slice(1) : more)];
}

/** A program whose commands are parsed and do nothing. */
function parsing<P extends Program>(program: P): P {
  const still = <N extends Command | Group>(node: N): N =>
    'run' in node
      ? { ...node, run: () => 0 }
      : {
          ...node,
          commands: Object.fromEntries(Object.entries(node.commands).map(([word, next]) => [word, still(next)])),
        };
  return still(program);
}

/** What stands in a usage for what a reader puts there, and what is valid in its place. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  TIME: '1h',
  'FILE...': 'FILE',
  'CHANNEL...': 'CHANNEL',
  'FINGERPRINT...': 'SHA256:uNiVztksCsDhcc0u9e8BrrJXVdDQGQDYWTlJmGeyvSk',
  'viewer|operator': 'viewer',
};

/** Parses a command by the real table. Returns what is wrong with it, or null. */
async function wrongWith([name, ...given]: readonly string[]): Promise<string | null> {
  // Where a text names a command without what it takes, it has to be there.
  const isName = given.every((word) => /^[a-z]+$/.test(word));
  const words = isName ? [...given, '--help'] : given.map((word) => PLACEHOLDERS[word] ?? word);
  const io = {
    stdout: new Text(),
    stderr: new Text(),
    stdin: Readable.from([]),
    env: {},
    nowMs: Date.UTC(2026, 10, 29),
  };
  const program = name === 'alphaserver' ? alphaserver(io) : alphaclient(io);
  const code = await runProgram(parsing(program), words, io);
  return code === 0 ? null : io.stderr.text;
}

/** Every command in blocks and in code within text, with its place. Usage brackets are taken for what they hold. */
function allCommands(): (ShellCommand & { readonly at: string })[] {
  const inBlocks = allBlocks
    .filter(({ language }) => language === '' || language === 'sh')
    .flatMap((block) =>
      block.text
        .replaceAll(/\\\n\s*/g, ' ')
        .split('\n')
        .flatMap((line, i) =>
          commandsIn(line).map((one) => ({ ...one, at: place({ ...block, line: block.line + i }) })),
        ),
    );
  const inText = FILES.flatMap((file) =>
    codeSpansIn(read(file).replaceAll('\\|', '|'))
      .filter((span) => /^(npm |alpha(server|client) )/.test(span))
      .flatMap((span) => commandsIn(span.replaceAll(/[[\]]/g, '').replaceAll(/(\w)\|(\w)/g, '$1¦$2')))
      .map(({ words, ...rest }) => ({ ...rest, words: words.map((word) => word.replaceAll('¦', '|')), at: file })),
  );
  return [...inBlocks, ...inText];
}

describe('README and docs', () => {
  it('have only commands that the programs take', async () => {
    let tried = 0;
    const wrong: string[] = [];
    for (const { words, at } of allCommands()) {
      const program = programWords(words);
      if (program === null) continue;
      tried += 1;
      const fault = await wrongWith(program);
      if (fault !== null) wrong.push(`${at}: ${words.join(' ')}\n  ${fault}`);
    }
    assert.deepEqual(wrong, []);
    assert.ok(tried > 30, `only ${tried} commands found`);
  });

  it('have only scripts of npm that there are', () => {
    const scripts = Object.keys(manifest.scripts);
    for (const { words, at } of allCommands()) {
      if (words[0] !== 'npm') continue;
      const [script = ''] = words.slice(1).filter((word) => word !== 'run' && word !== '-s');
      if (script === 'ci') continue;
      assert.ok(scripts.includes(script), `${at}: npm has no script ${script}`);
    }
  });

  it('name only settings that there are', () => {
    const known: readonly string[] = [...SERVER_NAMES, ...CLIENT_NAMES];
    for (const file of FILES)
      for (const [name] of read(file).matchAll(/\bALPHA(?:SERVER|CLIENT)_[A-Z_]*[A-Z]\b(?!_)/g))
        assert.ok(known.includes(name), `${file} names ${name}`);
  });

  it('give settings only values that they take', () => {
    const tried: string[] = [];
    const values = [
      ...allCommands(),
      ...FILES.flatMap((file) =>
        codeSpansIn(read(file))
          .flatMap(commandsIn)
          .map((one) => ({ ...one, at: file })),
      ),
    ];
    for (const { settings, at } of values) {
      const given = Object.fromEntries(
        Object.entries(settings).filter(
          ([name, value]) => /^(ALPHA|LOG_)/.test(name) && !/^$|\.\.\.|URL|SECRET/.test(value),
        ),
      );
      if (Object.keys(given).length === 0) continue;
      tried.push(...Object.keys(given));
      // What a TLS server needs beside its address stands in the text around it.
      const beside = {
        ALPHASERVER_TLS_CERT: 'cert.pem',
        ALPHASERVER_TLS_KEY: 'key.pem',
        ALPHASERVER_HTTP_PASSWORD: 'x',
      };
      assert.doesNotThrow(() => readServerConfig({ ...beside, ...given }), at);
      assert.doesNotThrow(() => readClientConfig(given), at);
    }
    assert.ok(tried.length > 10, tried.join());
  });

  it('name only paths of the API that there are, with parameters that they take', async (t) => {
    const served = new Served();
    t.after(() => served.close());
    await served.open();
    type Paths = Record<string, Record<string, { parameters?: { name: string; in: string }[] }>>;
    const { paths } = (await served.ask<{ paths: Paths }>('/api/docs/json')).body;
    const known = Object.entries(paths).map(([path, methods]) => ({
      path: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
      parameters: Object.values(methods).flatMap(({ parameters = [] }) => parameters.map(({ name }) => name)),
    }));
    let tried = 0;
    for (const file of FILES)
      for (const [given] of read(file).matchAll(
        /(?<![\w.~/-])(?:\/api\/|\/metrics|\/healthz|\/readyz|\/blocklist\.txt)[\w/.{}-]*(?:\?[\w=&.:%/-]*)?/g,
      )) {
        const { pathname, searchParams } = new URL(given.replace(/[./]+$/, ''), served.page);
        if (/^\/api(\/docs(\/json)?)?$/.test(pathname) || pathname === '/api/top') continue;
        const found = known.find(({ path }) => path.test(decodeURIComponent(pathname)));
        assert.ok(found, `${file}: ${given} is no path`);
        for (const name of searchParams.keys())
          assert.ok(found.parameters.includes(name), `${file}: ${given} takes no ${name}`);
        tried += 1;
      }
    assert.ok(tried > 30, `only ${tried} paths found`);
  });

  it('have JSON that can be parsed, and rules files that the server takes', () => {
    let rules = 0;
    for (const block of allBlocks) {
      if (!block.text.startsWith('{')) continue;
      const isRulesFile = /"\$schema": ".*rules\.schema\.json"/.test(block.text);
      if (isRulesFile) {
        rules += 1;
        assert.doesNotThrow(() => settingsIn(block.text, place(block)));
        continue;
      }
      // One object, or one a line.
      const texts = /^\{\n/.test(block.text) ? [block.text] : block.text.split(/\n(?=\{)/);
      for (const text of texts) assert.doesNotThrow(() => JSON.parse(text), place(block));
    }
    assert.ok(rules >= 2);
    // Parts of a rules file within text.
    for (const file of FILES)
      for (const span of codeSpansIn(read(file)))
        if (/^"(late|blocklist|grouping|page|quiet|allow|decoys)": /.test(span))
          assert.doesNotThrow(() => settingsIn(`{ ${span} }`, file), span);
  });
});

/** The tags of rules in the sources below some folders. */
function tagsBelow(folders: readonly string[]): ReadonlySet<string> {
  const files = folders.flatMap((name) =>
    readdirSync(join(ROOT, name), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(name, file)),
  );
  return new Set(files.flatMap((file) => read(file).match(/\[[PL]\d+\]/g) ?? []));
}

describe('the rules of', () => {
  const rulesOf = (file: string): string[] =>
    Array.from(read(file).matchAll(/^- \*\*(\[[PL]\d+\])\*\* /gm), ([, tag = '']) => tag).sort();
  const code = tagsBelow(['alphaclient', 'alphaserver', 'protocol']);
  const tests = tagsBelow(['test']);

  it('docs/protocol.md have their tags in code and in tests, and no other tag is there', () => {
    const rules = rulesOf('docs/protocol.md');
    assert.ok(rules.length >= 16);
    const wire = (tags: ReadonlySet<string>) => [...tags].filter((tag) => tag.startsWith('[P')).sort();
    assert.deepEqual(wire(code), rules);
    assert.deepEqual(wire(tests), rules);
  });

  it('docs/log-rotation.md have their tags in the code that takes the steps, and no other tag is there', () => {
    const rules = rulesOf('docs/log-rotation.md');
    assert.ok(rules.length >= 13);
    assert.deepEqual([...code].filter((tag) => tag.startsWith('[L')).sort(), rules);
  });
});

/** Runs the lines of a block in a shell, in a folder. */
const shell = (text: string, cwd: string): string =>
  execFileSync('bash', ['-euc', text], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const blocksUnder = (file: string, heading: string): readonly Block[] =>
  allBlocks.filter((block) => block.file === file && block.heading === heading && block.language === '');

describe('the backup of docs/operations.md', () => {
  const backups = blocksUnder('docs/operations.md', 'Backup and restore').filter(({ text }) =>
    text.includes('/backup'),
  );
  for (const [i, { text }] of backups.entries())
    it(`is made of a running server by way ${i + 1}, for its owner alone, more than once, and can be restored`, {
      skip: lacking('a backup by sqlite3', { sqlite3: !text.includes('sqlite3 ') || has('sqlite3') }),
    }, async (t) => {
      const at = mkdtempSync(join(folder, 'backup-'));
      mkdirSync(join(at, 'data'));
      symlinkSync(join(ROOT, 'node_modules'), join(at, 'node_modules'));
      const served = new Served();
      t.after(() => served.close());
      const data = join(at, 'data', 'alphaserver');
      await served.open({ ALPHASERVER_DATA: data });
      writeFileSync(join(data, 'tokens.json'), '{"version":1,"tokens":[]}', { mode: 0o600 });
      const event = {
        outcome: 'failed',
        method: 'password',
        user: 'root',
        invalidUser: false,
        ip: '203.0.113.7',
        port: 1,
      };
      await served.store(
        Array.from({ length: 20 }, (_, n) => ({ ...event, at: new Date(Date.now() - n).toISOString() })),
      );
      const backup = join(at, 'backup');
      // Twice: what is there already must not be in the way.
      mkdirSync(backup);
      const command = `alphaserver() { ALPHASERVER_DATA=data/alphaserver '${process.execPath}' '${ROOT}/alphaserver/main.ts' "$@"; }\n`;
      for (const _ of [1, 2]) shell(command + text.replaceAll('/backup', backup), at);
      const copies = readdirSync(backup)
        .sort()
        .map((name) => join(backup, name));
      const newest = statSync(copies.at(-1) ?? '').isDirectory() ? (copies.at(-1) ?? '') : backup;
      assert.equal(statSync(newest).mode & 0o077, 0);
      for (const name of readdirSync(newest)) assert.equal(statSync(join(newest, name)).mode & 0o077, 0, name);
      const restored = new Served();
      t.after(() => restored.close());
      await restored.open({ ALPHASERVER_DATA: newest });
      const { body } = await restored.ask<{ hosts: { attempts: number }[] }>('/api/hosts');
      assert.equal(body.hosts[0]?.attempts, 20);
    });
});
