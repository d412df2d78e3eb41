/** Opens connections to the configured servers, in turn. */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { ChangingFiles, type FileContent } from '../../service/changing-files.ts';
import { isIn, networks, sourceOf, UNROUTED_NETWORKS } from '../../service/ip-network.ts';
import { type Address, hostAndPort } from '../../service/value-parser.ts';
import { connectionFault } from './connection-fault.ts';

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

/** The contents of the TLS files, as Node takes them. A renewed certificate is used from the next connection on. */
class TlsContext {
  readonly #content: ChangingFiles<SecureContext>;
  #context: SecureContext;

  /** Throws when a file cannot be read. */
  constructor(files: TlsFiles) {
    const { caFile, certFile, keyFile } = files;
    this.#content = new ChangingFiles({ paths: [caFile, certFile, keyFile], mayBeMissing: false, parse: contextOf });
    this.#context = this.#content.start();
  }

  current(): SecureContext {
    const look = this.#content.look();
    // Else a half-written file: what was read before is as good as it was, and the server says when it is not any more.
    if (look.kind === 'value') this.#context = look.value;
    return this.#context;
  }
}

/** A connection that is being opened, and what it is called in messages. */
export interface Dialed {
  readonly socket: Socket;
  readonly name: string;
  /** Puts an error of the socket into words. */
  readonly faultOf: (error: Error) => string;
}

/** Returns the option with the name that TLS asks for (SNI, RFC 6066, section 3); none for an address, which is no name there. */
export const serverNameOf = (host: string): { servername?: string } => (isIP(host) ? {} : { servername: host });

/**
 * Returns a function that opens connection number `turn` (from 0) to the server whose turn it is. TLS files are read again when they
 * change, and the system's store of CAs, where no CA is named, once. Throws when a TLS file cannot be read.
 */
export function dialer(servers: readonly Address[], files: TlsFiles): (turn: number) => Dialed {
  const context = servers.some(({ scheme }) => scheme === 'tls') ? new TlsContext(files) : null;
  return (turn) => {
    const server = servers[turn % servers.length] as Address;
    const { scheme, host, port } = server;
    return {
      socket:
        scheme === 'tcp'
          ? connect({ host, port })
          : connectTls({ host, port, ...serverNameOf(host), ...(context && { secureContext: context.current() }) }),
      name: `${scheme}://${hostAndPort(host, port)}`,
      faultOf: (error) => connectionFault(error, server, files),
    };
  };
}

function contextOf([ca = null, cert = null, key = null]: readonly (FileContent | null)[]): SecureContext {
  return createSecureContext({
    ...authorities(ca),
    ...(cert === null ? {} : { cert: cert.bytes }),
    ...(key === null ? {} : { key: key.bytes }),
  });
}

/** Gives the CA of the settings, else those of the system; Node's own list where the system has none. */
function authorities(named: FileContent | null): { ca?: Buffer | string[] } {
  if (named !== null) return { ca: named.bytes };
  // The system's folder has each one several times, under links.
  const system = [...new Set(getCACertificates('system'))];
  return system.length > 0 ? { ca: system } : {};
}
