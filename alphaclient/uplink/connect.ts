/** Opens connections to the configured servers, in turn. */
import { readFileSync } from 'node:fs';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { isIn, networks, sourceOf, UNROUTED_NETWORKS } from '../../service/ip-network.ts';
import type { Address } from '../../service/value-parser.ts';

/** Paths of TLS files; null for the system's own authorities, or for no client certificate. */
export interface TlsFiles {
  readonly caFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
}

const PRIVATE = networks(UNROUTED_NETWORKS);

/** Returns why a token is not to be shown over a connection, or null. `allowsPlain`: the settings allow it anywhere. */
export function tokenFault(socket: Socket, name: string, allowsPlain: boolean): string | null {
  if ('encrypted' in socket || allowsPlain) return null;
  const address = sourceOf(socket.remoteAddress ?? null, 128);
  if (address !== null && isIn(PRIVATE, address)) return null;
  return `the token is not sent to ${address ?? 'an unknown address'} over tcp://, where others can read it; use tls:// for ${name}, or set ALPHACLIENT_ALLOW_PLAIN=true`;
}

/** Returns a function that opens connection number `turn` (from 0) to the server whose turn it is. Throws when a TLS file cannot be read. */
export function dialer(
  servers: readonly Address[],
  files: TlsFiles,
): (turn: number) => { socket: Socket; name: string } {
  const read = (file: string | null) => (file ? readFileSync(file) : undefined);
  const [ca, cert, key] = [read(files.caFile), read(files.certFile), read(files.keyFile)];
  return (turn) => {
    const { scheme, host, port } = servers[turn % servers.length] as Address;
    const name = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
    if (scheme === 'tcp') return { socket: connect({ host, port }), name };
    const servername = isIP(host) ? {} : { servername: host };
    return {
      socket: connectTls({ host, port, ...servername, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }),
      name,
    };
  };
}
