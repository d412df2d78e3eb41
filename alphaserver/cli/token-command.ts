/** `alphaserver token add|list|rotate|revoke`. */
import { existsSync } from 'node:fs';
import type { ProgramIo } from '../../service/command-line.ts';
import { escapeText } from '../../service/escape.ts';
import { Tokens } from '../ingest/tokens.ts';

/** A token's name, and the patterns of the hosts that its agent may report. */
interface Wanted {
  readonly name: string;
  readonly hosts: string | null;
}

/** Makes a token and prints it. Says so where the data folder had to be made: it may not be the server's. Throws a TokenError. */
export function add({ name, hosts }: Wanted, dataFolder: string, { stdout, stderr, nowMs }: ProgramIo): number {
  const isNew = !existsSync(dataFolder);
  const token = new Tokens(dataFolder).add(name, nowMs, hosts);
  if (isNew)
    stderr.write(
      `alphaserver token add: ${escapeText(dataFolder)} was not there and is made; a server on another data folder does not know this token\n`,
    );
  stdout.write(`${token}\n`);
  return 0;
}

/** Prints every token ever added, a line each, or as JSON. Throws a TokenError when the file cannot be read. */
export function list(json: boolean, dataFolder: string, { stdout }: ProgramIo): number {
  const tokens = new Tokens(dataFolder)
    .list()
    .map(({ name, createdAt, revokedAt, hosts }) => ({ name, createdAt, revokedAt, hosts }));
  const lines = tokens.map(({ name, createdAt, revokedAt, hosts }) => {
    const state = revokedAt ? `revoked ${revokedAt}` : 'valid';
    return `${name}\t${createdAt}\t${state}\t${hosts === null ? 'its own host' : `hosts ${hosts}`}\n`;
  });
  stdout.write(json ? `${JSON.stringify({ tokens })}\n` : lines.join(''));
  return 0;
}

/** Makes a new token in place of one, for the same agent, and prints it. Throws a TokenError where there is none of this name. */
export function rotate({ name, hosts }: Wanted, dataFolder: string, { stdout, nowMs }: ProgramIo): number {
  stdout.write(`${new Tokens(dataFolder).rotate(name, nowMs, hosts)}\n`);
  return 0;
}

/** Ends a token. Throws a TokenError where there is none of this name. */
export function revoke(name: string, dataFolder: string, { nowMs }: ProgramIo): number {
  new Tokens(dataFolder).revoke(name, nowMs);
  return 0;
}
