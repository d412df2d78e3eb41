/** The checkout that packages are made from. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import manifest from '../package.json' with { type: 'json' };

/** The repository's folder. */
export const ROOT = join(import.meta.dirname, '..');

/** The version that all packages carry. */
export const VERSION = manifest.version;

/** Whom a package names as its maintainer. The address leads nowhere: reports go to the project. */
export const MAINTAINER = 'The Asgard authors <asgard@localhost.invalid>';

/** Gives the time of the commit that is checked out, Unix seconds: packages of one commit carry no other time. */
export function commitSeconds(): number {
  const given = process.env['SOURCE_DATE_EPOCH'];
  if (given !== undefined) return Number(given);
  return Number(execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: ROOT, encoding: 'utf8' }).trim());
}
