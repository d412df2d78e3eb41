/** `alphaserver token add|list|rotate|revoke`. */
import type { ProgramIo } from '../../service/command-line.ts';
import { AGENT_TOKENS, SCRIPT_TOKENS, type Scope, TokenError, Tokens } from '../ingest/tokens.ts';
import { inDataFolder } from './data-folder.ts';

/** A token's name, the patterns of the hosts that its agent may report, and what a script may ask for with it. */
interface Wanted {
  readonly name: string;
  readonly hosts: string | null;
  readonly scope?: Scope | null;
}

/** Returns agents' tokens, or scripts'. */
const tokensOf = (dataFolder: string, file: string): Tokens => new Tokens(dataFolder, null, file);

/** Returns the file in which a name is looked for: that of agents' tokens where a valid one has it, else that of scripts'. */
const fileWith = (name: string, dataFolder: string): string =>
  hasValid(name, dataFolder, AGENT_TOKENS) ? AGENT_TOKENS : SCRIPT_TOKENS;

/** True where a file has a token of this name that is not revoked. */
const hasValid = (name: string, dataFolder: string, file: string): boolean =>
  tokensOf(dataFolder, file)
    .list()
    .some((token) => token.name === name && token.revokedAt === null);

/** Makes a token and prints it. Rejects with a TokenError, also where the name is that of a valid token of the other kind, or a UserError where the data folder cannot be used. */
export async function add(
  { name, hosts, scope = null }: Wanted,
  dataFolder: string,
  { stdout, stderr, nowMs }: ProgramIo,
): Promise<number> {
  if (scope !== null && hosts !== null) throw new TokenError('--hosts is for agents, and --scope for scripts');
  const file = scope === null ? AGENT_TOKENS : SCRIPT_TOKENS;
  const token = await inDataFolder(dataFolder, 'token add', stderr, () => {
    // Of two tokens of one name, `rotate` and `revoke` would find the agent's alone.
    const [other, whose] = scope === null ? [SCRIPT_TOKENS, 'a script'] : [AGENT_TOKENS, 'an agent'];
    if (hasValid(name, dataFolder, other))
      throw new TokenError(
        `${name} is the name of ${whose}'s token already: use another name, or revoke that one first`,
      );
    return tokensOf(dataFolder, file).add(name, nowMs, hosts, scope);
  });
  stdout.write(`${token}\n`);
  return 0;
}

/** Prints every token ever added, a line each, or as JSON. Throws a TokenError when the file cannot be read. */
export function list(json: boolean, dataFolder: string, { stdout }: ProgramIo): number {
  const tokens = [AGENT_TOKENS, SCRIPT_TOKENS]
    .flatMap((file) => tokensOf(dataFolder, file).list())
    .map(({ name, createdAt, revokedAt, hosts, scope }) => ({ name, createdAt, revokedAt, hosts, scope }));
  const lines = tokens.map(({ name, createdAt, revokedAt, hosts, scope }) => {
    const state = revokedAt ? `revoked ${revokedAt}` : 'valid';
    const goodFor = scope === null ? (hosts === null ? 'its own host' : `hosts ${hosts}`) : `scope ${scope}`;
    return `${name}\t${createdAt}\t${state}\t${goodFor}\n`;
  });
  stdout.write(json ? `${JSON.stringify({ tokens })}\n` : lines.join(''));
  return 0;
}

/** Makes a new token in place of one, an agent's of this name, else a script's, and prints it. Throws a TokenError where there is neither. */
export function rotate({ name, hosts }: Wanted, dataFolder: string, { stdout, nowMs }: ProgramIo): number {
  const tokens = tokensOf(dataFolder, fileWith(name, dataFolder));
  const isScripts = tokens.list().some((token) => token.name === name && token.scope !== null);
  if (hosts !== null && isScripts) throw new TokenError(`${name} is the token of a script: --hosts is for agents`);
  stdout.write(`${tokens.rotate(name, nowMs, hosts)}\n`);
  return 0;
}

/** Ends a token: an agent's of this name, else a script's. Throws a TokenError where there is neither. */
export function revoke(name: string, dataFolder: string, { nowMs }: ProgramIo): number {
  tokensOf(dataFolder, fileWith(name, dataFolder)).revoke(name, nowMs);
  return 0;
}
