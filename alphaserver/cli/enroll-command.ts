/** `alphaserver enroll`: makes codes with which hosts join. */
import { encodeJoinCode } from '../../protocol/join-code.ts';
import { type ProgramIo, UsageError } from '../../service/command-line.ts';
import { escapeText } from '../../service/escape.ts';
import { UserError } from '../../service/user-error.ts';
import { hostAndPort } from '../../service/value-parser.ts';
import type { ServerConfig } from '../config.ts';
import { authorityOf } from '../ingest/authority.ts';
import { isPatternList } from '../ingest/host-pattern.ts';
import { JoinCodes } from '../ingest/join-codes.ts';
import { isCertificateName } from '../ingest/joined-hosts.ts';

/** A code is good for this long unless `--for` says otherwise. */
const GOOD_FOR_MS = 3_600_000;

/** The arguments of `enroll`. */
export interface EnrollGiven {
  readonly names: readonly string[];
  readonly hosts: string | null;
  readonly count: number | null;
  readonly forMs: number | null;
}

const wrong = (what: string): UsageError => new UsageError('alphaserver enroll', what);

/**
 * Prints a code on standard output, or a line `NAME CODE` for each of several names; on standard error, what to do with it. Throws a
 * UserError where hosts could not check the server by it.
 */
export function enrollCommand(given: EnrollGiven, config: ServerConfig, { stdout, stderr, nowMs }: ProgramIo): number {
  const { names, hosts, count, forMs } = given;
  if (names.length > 0 === (count !== null)) throw wrong('it takes the NAME of a host, or --count N');
  const bad = names.find((name) => !isCertificateName(name));
  if (bad !== undefined)
    throw wrong(
      `"${bad}" cannot be the name of a host: use 1 to 64 letters, digits, dots, dashes, underscores, neither dot nor dash first`,
    );
  if (hosts !== null && !isPatternList(hosts))
    throw wrong(`"${hosts}" is no pattern of hosts: use names with * and ?, with commas between`);
  const { tls, listen, dataFolder } = config;
  if (tls === null) throw new UserError('hosts join over TLS alone: set ALPHASERVER_LISTEN to tls://...');
  const authority = authorityOf(dataFolder, tls.clientCaFile);
  if (!authority.hasSigned(tls.certFile))
    throw new UserError(
      `the certificate in ${tls.certFile} is not of the authority in ${authority.files.ca}, so that no host could check it by a code`,
    );
  const codes = new JoinCodes(dataFolder);
  const fingerprint = authority.fingerprint();
  const endsMs = nowMs + (forMs ?? GOOD_FOR_MS);
  const make = (name: string | null): string =>
    encodeJoinCode({ fingerprint, secret: codes.make({ name, hosts, count: count ?? 1, endsMs }, nowMs) });
  const made = names.length === 0 ? [['', make(null)]] : names.map((name) => [name, make(name)]);
  stdout.write(made.map((row) => `${(names.length > 1 ? row : row.slice(1)).join(' ')}\n`).join(''));
  const server = hostAndPort(authority.serverName() ?? 'SERVER', listen.port);
  const who = count === null ? 'once' : `for ${count} hosts`;
  stderr.write(
    escapeText(`Good ${who} until ${new Date(endsMs).toISOString()}. On the host: alphaclient join ${server} CODE`) +
      '\n',
  );
  return 0;
}
