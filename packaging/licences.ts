/** Whose code a package holds: the licence texts and the bill of materials that are shipped with it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, VERSION } from './checkout.ts';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string | { readonly type?: string };
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Gives the manifest of a package by its folder below node_modules. Throws an Error with the path where it is not installed. */
function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, 'node_modules', folder, 'package.json'), 'utf8')) as Manifest;
}

/**
 * Gives the folders below node_modules of these packages and of all that they depend on, sorted; `a/node_modules/b` where `a` has
 * a copy of `b` for itself. Throws an Error with the path where one is not installed.
 */
export function packageClosure(names: readonly string[]): readonly string[] {
  const found = new Set<string>();
  const pending = [...names];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    if (found.has(folder)) continue;
    found.add(folder);
    for (const name of Object.keys(manifestOf(folder).dependencies ?? {})) {
      const nested = `${folder}/node_modules/${name}`;
      pending.push(existsSync(join(ROOT, 'node_modules', nested)) ? nested : name);
    }
  }
  return [...found].sort();
}

const licenceOf = ({ license }: Manifest): string =>
  (typeof license === 'string' ? license : license?.type) ?? 'NOASSERTION';

/** Gives the licence text of each package in the bundle, the runtime's own text first. */
export function licenceTexts(packages: readonly string[], runtimeLicence: string): string {
  const texts = packages.map((folder) => {
    const manifest = manifestOf(folder);
    const path = join(ROOT, 'node_modules', folder);
    const file = readdirSync(path).find((entry) => /^(?:licen[cs]e|copying)(?:\.|$)/i.test(entry));
    const text = file === undefined ? `Licence: ${licenceOf(manifest)}\n` : readFileSync(join(path, file), 'utf8');
    return `${manifest.name} ${manifest.version} (${licenceOf(manifest)})\n\n${text.trimEnd()}\n`;
  });
  return [`Node.js, the runtime\n\n${runtimeLicence.trimEnd()}\n`, ...texts].join(`\n${'-'.repeat(72)}\n\n`);
}

/** Gives the bill of materials as CycloneDX 1.5 JSON. It names no time and no serial number, so that it is reproducible. */
export function billOfMaterials(program: string, packages: readonly string[], runtimeVersion: string): string {
  const library = (name: string, version: string, licence: string) => ({
    type: 'library',
    'bom-ref': `pkg:npm/${name.replace('@', '%40')}@${version}`,
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    licenses: [{ expression: licence }],
  });
  const components = packages.map((folder) => {
    const manifest = manifestOf(folder);
    return library(manifest.name, manifest.version, licenceOf(manifest));
  });
  const bill = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      component: { type: 'application', name: program, version: VERSION, licenses: [{ expression: 'MIT' }] },
    },
    components: [
      { type: 'platform', name: 'node', version: runtimeVersion, licenses: [{ expression: 'MIT' }] },
      ...components,
    ],
  };
  return `${JSON.stringify(bill, null, 2)}\n`;
}
