/** `npm run package`: makes what is installed on hosts, from the sources that are checked out. */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { commitSeconds, ROOT } from './checkout.ts';
import { FORMATS } from './formats.ts';
import { type Architecture, type Runtime, runtime, TARGETS } from './runtime.ts';
import { installedKiB, PACKAGES, stage } from './stage.ts';

const USAGE = `usage: npm run package [-- [--arch amd64,arm64] [--format deb,rpm,tar.gz] [--package asgard-agent,asgard-server] [--out dist]]

Makes the packages of both programs, with their runtime inside. The same commit gives the same bytes.
`;
const OPTIONS = {
  arch: { type: 'string', default: Object.keys(TARGETS).join() },
  format: { type: 'string', default: Object.keys(FORMATS).join() },
  package: { type: 'string', default: PACKAGES.map(({ name }) => name).join() },
  out: { type: 'string', default: join(ROOT, 'dist') },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** Reads a list with commas. Throws an Error that names what is not among `known`. */
function listed<T extends string>(option: string, given: string, known: readonly T[]): readonly T[] {
  const wrong = given.split(',').find((each) => !known.includes(each as T));
  if (wrong !== undefined) throw new Error(`--${option} ${JSON.stringify(wrong)}: it takes ${known.join(', ')}`);
  return given.split(',') as T[];
}

function settings(args: readonly string[]) {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  return {
    ...values,
    architectures: listed('arch', values.arch, Object.keys(TARGETS) as Architecture[]),
    formats: listed('format', values.format, Object.keys(FORMATS)),
    names: listed(
      'package',
      values.package,
      PACKAGES.map(({ name }) => name),
    ),
  };
}

async function packageAll({ architectures, formats, names, out }: ReturnType<typeof settings>): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'asgard-package-'));
  const seconds = commitSeconds();
  try {
    mkdirSync(out, { recursive: true });
    const host: Runtime = { path: process.execPath, licence: '' };
    for (const architecture of architectures) {
      const own = runtime(architecture, scratch);
      for (const one of PACKAGES.filter(({ name }) => names.includes(name))) {
        const place = join(scratch, `${one.name}-${architecture}`);
        const root = join(place, 'root');
        mkdirSync(root, { recursive: true });
        await stage(one, own, host, root, seconds);
        console.log(`${one.name} ${architecture}: ${(installedKiB(root) / 1_024).toFixed(1)} MiB installed`);
        for (const format of formats) {
          const path = FORMATS[format]?.({ one, architecture, root, scratch: place, out, seconds }) ?? '';
          console.log(`  ${path}  ${(statSync(path).size / 1_048_576).toFixed(1)} MiB`);
        }
      }
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

try {
  const wanted = settings(process.argv.slice(2));
  if (wanted.help) process.stdout.write(USAGE);
  else await packageAll(wanted);
} catch (error) {
  console.error(`package: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') ? 2 : 1;
}
