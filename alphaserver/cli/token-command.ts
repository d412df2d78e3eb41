/** `alphaserver token add|list|revoke`. */
import { TokenError, Tokens } from '../ingest/tokens.ts';

const USAGE = 'usage: alphaserver token add NAME | token list | token revoke NAME\n';

interface Io {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
}

/** Carries out one token command on a data folder and returns the exit code: 0, 1 when it cannot be done, 2 for wrong usage. */
export function tokenCommand(args: readonly string[], dataFolder: string, nowMs: number, io: Io): number {
  const [verb, name, ...more] = args;
  const usable =
    more.length === 0 &&
    (verb === 'list' ? name === undefined : (verb === 'add' || verb === 'revoke') && name !== undefined);
  if (!usable) {
    io.error(USAGE);
    return 2;
  }
  try {
    const tokens = new Tokens(dataFolder);
    if (verb === 'add') io.out(`${tokens.add(name as string, nowMs)}\n`);
    else if (verb === 'revoke') tokens.revoke(name as string, nowMs);
    else
      for (const token of tokens.list())
        io.out(`${token.name}\t${token.createdAt}\t${token.revokedAt ? `revoked ${token.revokedAt}` : 'valid'}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    io.error(`${error.message}\n`);
    return 1;
  }
}
