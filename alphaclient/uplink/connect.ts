/** Opens connections to the configured servers, in turn. */
import { readFileSync } from 'node:fs';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Address } from '../../service/value-parser.ts';

/** Paths of TLS files; null for the system's own authorities, or for no client certificate. */
export interface TlsFiles {
  readonly caFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
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
