/** `alphaserver certs init|list|revoke`. */
import { execFileSync } from 'node:child_process';
import { hostname, networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import type { ProgramIo } from '../../service/command-line.ts';
import { escapeText } from '../../service/escape.ts';
import { UserError } from '../../service/user-error.ts';
import type { ServerConfig } from '../config.ts';
import { Authority, authorityFolder, authorityOf } from '../ingest/authority.ts';
import { JoinedHosts } from '../ingest/joined-hosts.ts';
import { reasonOf } from '../shared-log/join.ts';
import { publicAddress } from '../shared-log/postgres-url.ts';
import { shareAuthority } from '../shared-secrets.ts';

/** How long the resolver may take to give this machine's full name. */
const NAME_LIMIT_MS = 3_000;

/** The arguments of `certs init`. */
export interface InitGiven {
  readonly names: readonly string[] | null;
  /** The folder for the files, or null. */
  readonly folder: string | null;
}

/** Makes an authority where there is none, and a certificate for this machine's names. Rejects with a UserError. */
export async function init(
  { names, folder }: InitGiven,
  config: ServerConfig,
  { stdout, stderr, nowMs }: ProgramIo,
): Promise<number> {
  const standard = authorityFolder(config.dataFolder);
  const where = folder ?? standard;
  const authority = new Authority(where);
  const isShared = config.storeUrl !== null && resolve(where) === resolve(standard);
  if (isShared) await share(config, stderr);
  const made = await authority.init(hostname(), [...(names ?? []), ...namesOfMachine()], nowMs);
  if (isShared && made.isNewAuthority) await share(config, stderr);
  const { ca, caKey, server, serverKey } = authority.files;
  const lines = [
    made.isNewAuthority
      ? `Made a certificate authority in ${where}; keep its key, ${caKey}, on this machine and in backups alone`
      : `The certificate authority in ${where} stays`,
    `The server is certified until ${new Date(made.endsMs).toISOString()} as ${made.names.join(', ')}`,
    'For other names: alphaserver certs init --names NAME,NAME',
  ];
  if (resolve(where) !== resolve(standard))
    lines.push(
      'The server needs these settings for them:',
      `ALPHASERVER_TLS_CERT=${server}`,
      `ALPHASERVER_TLS_KEY=${serverKey}`,
      `ALPHASERVER_TLS_CLIENT_CA=${ca}`,
    );
  if (config.listen.scheme !== 'tls')
    lines.push(`The server uses them once it has ALPHASERVER_LISTEN=tls://${config.listen.host}:${config.listen.port}`);
  stdout.write(lines.map((line) => `${escapeText(line)}\n`).join(''));
  return 0;
}

/** Makes the authority the one of all servers that share the log. Rejects with a UserError where the log cannot be used. */
async function share(
  { storeUrl, dataFolder }: Pick<ServerConfig, 'storeUrl' | 'dataFolder'>,
  stderr: ProgramIo['stderr'],
): Promise<void> {
  const url = storeUrl ?? '';
  const say = (line: string): void => void stderr.write(`alphaserver certs init: ${line}\n`);
  const log = { warn: say, error: say, info: say };
  const { openPostgresLog } = await import('../shared-log/postgres-log.ts');
  try {
    const shared = await openPostgresLog({ url, log });
    try {
      await shareAuthority({ folder: dataFolder, url, shared, log });
    } finally {
      await shared.close();
    }
  } catch (error) {
    throw new UserError(`the authority cannot be shared by ${publicAddress(url)}: ${reasonOf(error)}`, 1, {
      cause: error,
    });
  }
}

/** Prints the hosts that joined, a line each, and the ends of certificates. Throws a UserError where there is no authority. */
export function list(json: boolean, config: ServerConfig, { stdout }: ProgramIo): number {
  const authority = authorityOf(config.dataFolder, config.tls?.clientCaFile ?? null);
  const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  const hosts = new JoinedHosts(config.dataFolder).list().map(({ name, hosts: patterns, joinedMs, revokedMs }) => ({
    name,
    hosts: patterns,
    joinedAt: iso(joinedMs),
    revokedAt: revokedMs !== null && revokedMs > (joinedMs ?? 0) ? iso(revokedMs) : null,
  }));
  const ends = {
    authority: iso(authority.endsMs()),
    server: iso(authority.serverEndsMs()),
  };
  const rows = hosts.map(
    ({ name, hosts: patterns, joinedAt, revokedAt }) =>
      `${name}\t${joinedAt ?? 'not known'}\t${revokedAt ? `revoked ${revokedAt}` : 'valid'}\t${patterns === null ? 'its own host' : `hosts ${patterns}`}\n`,
  );
  const text = `${rows.join('')}authority\tends ${ends.authority}\nserver\tends ${ends.server}\n`;
  stdout.write(json ? `${JSON.stringify({ hosts, ends })}\n` : text);
  return 0;
}

/** Ends the certificate of a host, and says so where none of this name is known. Throws a UserError where there is no authority. */
export function revoke(name: string, config: ServerConfig, { stdout, nowMs }: ProgramIo): number {
  // A server that shares its log may have none itself.
  if (config.storeUrl === null) authorityOf(config.dataFolder, config.tls?.clientCaFile ?? null);
  if (!new JoinedHosts(config.dataFolder).revoke(name, nowMs))
    stdout.write(`No host ${name} is known to have joined; a certificate of that name is revoked all the same\n`);
  return 0;
}

/** Returns the names and addresses of this machine, the full name first. */
function namesOfMachine(): readonly string[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter(({ address }) => !address.toLowerCase().startsWith('fe80:'))
    .map(({ address }) => address);
  return [...fullName(), hostname(), 'localhost', ...addresses];
}

/** Asks the resolver for this machine's full name; none where it does not know it. */
function fullName(): readonly string[] {
  try {
    const output = execFileSync('hostname', ['--fqdn'], { encoding: 'utf8', timeout: NAME_LIMIT_MS, stdio: 'pipe' });
    return [output.trim()].filter((name) => /^[A-Za-z0-9.-]+$/.test(name));
  } catch {
    return [];
  }
}
