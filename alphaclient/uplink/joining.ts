/** Joins a server by a code: finds the authority that the code names, checks the server by it, and gets a certificate. */
import { createHash, X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { LineFramer } from '../../protocol/framing.ts';
import { FINGERPRINT_BYTES, type JoinCode } from '../../protocol/join-code.ts';
import { encode, LINE_LIMIT_BYTES, PROTOCOL_VERSION, readServerMessage } from '../../protocol/messages.ts';
import { UserError } from '../../service/user-error.ts';
import { type Address, hostAndPort } from '../../service/value-parser.ts';
import { serverNameOf } from './connect.ts';
import { connectionFault } from './connection-fault.ts';

/** Limit of the time that a server has to be reached in. */
const CONNECT_LIMIT_MS = 10_000;
/** Limit of the time for its answer: a wrong code is answered after up to 15 s. */
const ANSWER_LIMIT_MS = 30_000;
/** A connection that breaks before the answer is tried so often: the server gives the same request the same answer. */
const TRIES_LIMIT = 3;
/** Certificates of a chain that are looked at. */
const CHAIN_LIMIT = 8;

/** The means by which a host joins. */
export interface JoinRequest {
  readonly server: Address;
  /** The code as it was given, and its parts. */
  readonly code: string;
  readonly parts: JoinCode;
  readonly host: string;
  /** A PKCS #10 request in PEM. */
  readonly csr: string;
}

/** The identity that the server gave, in PEM. */
export interface Joined {
  readonly certificate: string;
  readonly ca: string;
}

/** The connection broke before the answer. */
class BrokenError extends UserError {}

/** Joins. Rejects with a UserError that says what to do. Nothing secret is sent before the server is known to be the code's. */
export async function joinServer(request: JoinRequest): Promise<Joined> {
  const ca = await authorityAt(request.server, request.parts);
  for (let tries = 1; ; tries++)
    try {
      return await enroll(request, ca);
    } catch (error) {
      if (!(error instanceof BrokenError) || tries >= TRIES_LIMIT) throw error;
    }
}

const nameOf = ({ host, port }: Address): string => hostAndPort(host, port);

const NO_TLS = 'it speaks no TLS: ALPHASERVER_LISTEN must be tls:// there';
/** Faults for which something else is to be done than when an agent that has joined meets them. */
const FAULTS: Readonly<Record<string, string>> = {
  ECONNRESET: 'it closed the connection: is it an alphaserver with tls:// in ALPHASERVER_LISTEN?',
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
};

function faultOf(error: NodeJS.ErrnoException, server: Address): string {
  const { code = '' } = error;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `its certificate has not the name ${server.host}: there, alphaserver certs init --names ${server.host} adds it`;
  return FAULTS[code] ?? connectionFault(error, server, { caFile: 'ca.pem', certFile: null, keyFile: null });
}

/** Opens a TLS connection; rejects with a UserError in words. */
function opened(server: Address, ca: string | null): Promise<TLSSocket> {
  const { host, port } = server;
  const trusted = ca === null ? { rejectUnauthorized: false } : { ca };
  return new Promise((done, failed) => {
    const socket = connect({ host, port, ...serverNameOf(host), ...trusted });
    const refuse = (error: NodeJS.ErrnoException): void => {
      socket.destroy();
      failed(new UserError(`no connection to ${nameOf(server)}: ${faultOf(error, server)}`, 1, { cause: error }));
    };
    const late = setTimeout(() => refuse(Object.assign(new Error(), { code: 'ETIMEDOUT' })), CONNECT_LIMIT_MS);
    socket.once('error', refuse);
    socket.once('close', () => clearTimeout(late));
    socket.once('secureConnect', () => {
      clearTimeout(late);
      socket.off('error', refuse);
      done(socket);
    });
  });
}

/** Returns the certificate in PEM that the code names, of those that the server shows. Its signatures are checked by the next connection. */
async function authorityAt(server: Address, { fingerprint }: JoinCode): Promise<string> {
  const socket = await opened(server, null);
  socket.on('error', () => {});
  let certificate: DetailedPeerCertificate | null = socket.getPeerCertificate(true);
  // Closed in order: cut off, it would stand in the server's log as a handshake that failed.
  socket.end();
  socket.resume();
  for (let i = 0; i < CHAIN_LIMIT && certificate?.raw !== undefined; i++) {
    const digest = createHash('sha256').update(certificate.raw).digest().subarray(0, FINGERPRINT_BYTES);
    if (digest.equals(fingerprint)) return new X509Certificate(certificate.raw).toString();
    const issuer: DetailedPeerCertificate | undefined = certificate.issuerCertificate;
    certificate = issuer === undefined || issuer === certificate ? null : issuer;
  }
  throw new UserError(
    `${nameOf(server)} is not the server that the code is of; nothing was sent to it: check the address, or get a new code on that server with alphaserver enroll`,
  );
}

async function enroll({ server, code, host, csr }: JoinRequest, ca: string): Promise<Joined> {
  const socket = await opened(server, ca);
  try {
    socket.write(encode({ type: 'enroll', version: PROTOCOL_VERSION, code, csr, host }));
    return readAnswer(await firstLine(socket, server), server);
  } finally {
    socket.destroy();
  }
}

function unreadable(server: Address): UserError {
  return new UserError(
    `${nameOf(server)} sent an answer that cannot be read: is it an alphaserver of this version, and its port that of ALPHASERVER_LISTEN, not that of the page?`,
  );
}

function readAnswer(line: string, server: Address): Joined {
  const answer = readServerMessage(line);
  if (answer.type === 'enrolled') return { certificate: answer.certificate, ca: answer.ca };
  if (answer.type !== 'error') throw unreadable(server);
  if (answer.code === 'busy') throw new BrokenError(`${nameOf(server)} cannot take hosts now: ${answer.message}`);
  throw new UserError(`${nameOf(server)} refused: ${answer.message}`);
}

function firstLine(socket: Socket, server: Address): Promise<string> {
  const framer = new LineFramer(LINE_LIMIT_BYTES);
  return new Promise((done, failed) => {
    const broken = (what: string): void => failed(new BrokenError(`${nameOf(server)} ${what}`));
    const late = setTimeout(() => broken('did not answer in time'), ANSWER_LIMIT_MS);
    socket.once('error', (error) => broken(`broke the connection: ${error.message}`));
    socket.once('close', () => {
      clearTimeout(late);
      broken('closed the connection without an answer');
    });
    socket.on('data', (bytes: Buffer) => {
      const [frame] = framer.feed(bytes);
      if (frame === undefined) return;
      clearTimeout(late);
      if ('line' in frame) done(frame.line);
      else failed(unreadable(server));
    });
  });
}
