/** `alphaserver user add|password|list|remove`. */
import { readFileSync } from 'node:fs';
import type { ProgramIo } from '../../service/command-line.ts';
import { escapeText } from '../../service/escape.ts';
import { UserError } from '../../service/user-error.ts';
import { hostAndPort } from '../../service/value-parser.ts';
import type { ServerConfig } from '../config.ts';
import { authorityOf } from '../ingest/authority.ts';
import { makePassword, type Role, Users } from '../web/users.ts';
import { inDataFolder } from './data-folder.ts';

/** The user that is meant, and the file with the password. */
interface Given {
  readonly name: string;
  readonly file: string | null;
}

/** Adds a user, prints the password where it made one, and the page's address. Rejects with a UserError. */
export async function add(
  { name, file, role }: Given & { readonly role: Role },
  config: ServerConfig,
  { stdout, stderr, nowMs }: ProgramIo,
): Promise<number> {
  const password = passwordIn(file);
  await inDataFolder(config.dataFolder, 'user add', stderr, () =>
    new Users(config.dataFolder).add(name, role, password, nowMs),
  );
  if (file === null) stdout.write(`Password: ${password}\n`);
  stdout.write(`Page:     ${escapeText(pageOf(config))}\n`);
  return 0;
}

/** Sets a user's password, and prints it where it made one. Rejects with a UserError. */
export async function setPassword(
  { name, file }: Given,
  dataFolder: string,
  { stdout, nowMs }: ProgramIo,
): Promise<number> {
  const password = passwordIn(file);
  await new Users(dataFolder).setPassword(name, password, nowMs);
  if (file === null) stdout.write(`Password: ${password}\n`);
  return 0;
}

/** Prints every user, a line each, or as JSON. Throws a UserError when the file cannot be read. */
export function list(json: boolean, dataFolder: string, { stdout }: ProgramIo): number {
  const users = new Users(dataFolder)
    .list()
    .map(({ name, role, changedMs }) => ({ name, role, passwordSetAt: new Date(changedMs).toISOString() }));
  const lines = users.map(({ name, role, passwordSetAt }) => `${name}\t${role}\tpassword set ${passwordSetAt}\n`);
  stdout.write(json ? `${JSON.stringify({ users })}\n` : lines.join(''));
  return 0;
}

/** Removes a user. Throws a UserError where there is none of this name. */
export function remove(name: string, dataFolder: string): number {
  new Users(dataFolder).remove(name);
  return 0;
}

/** Reads a password, the first line of a file; makes one where no file is named. Throws a UserError. */
function passwordIn(file: string | null): string {
  if (file === null) return makePassword();
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8').split(/\r?\n/, 1)[0] ?? '';
  } catch (cause) {
    throw new UserError(`${file} cannot be read: ${(cause as Error).message}`, 1, { cause });
  }
}

/** Returns the page's address as somebody elsewhere types it, as far as it is known here. */
function pageOf({ http, httpTls, dataFolder, tls }: ServerConfig): string {
  if (http === null) return 'none: ALPHASERVER_HTTP is off';
  const isAny = http.host === '0.0.0.0' || http.host === '::';
  const host = isAny ? (ownName(dataFolder, tls?.clientCaFile ?? null) ?? 'localhost') : http.host;
  return `${httpTls === null ? 'http' : 'https'}://${hostAndPort(host, http.port)}/`;
}

/** Returns the name to type for the server by its own certificate, or null. */
function ownName(dataFolder: string, clientCaFile: string | null): string | null {
  try {
    return authorityOf(dataFolder, clientCaFile).serverName();
  } catch {
    return null;
  }
}
