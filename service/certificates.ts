/**
 * Makes certificates: an authority, requests (PKCS #10), and what the authority signs (X.509, RFC 5280). Keys are ECDSA on P-256.
 * The one file that imports @peculiar/x509. Loading it takes some 10 MiB, so that it is imported only where something is signed.
 */
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, KeyObject, randomBytes, type webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** The longest request, in characters of PEM: one with an RSA key of 4,096 bits has some 1,700. */
export const REQUEST_LIMIT_CHARS = 8_192;

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 7_300;
/** Clocks of hosts that look at an authority or at a server's certificate may be behind by so much. */
const BACKDATED_MS = DAY_MS;
const SERIAL_BYTES = 16;
/** The longest common name of a certificate: ub-common-name of RFC 5280. */
export const COMMON_NAME_LIMIT_CHARS = 64;
const SHA256_ECDSA = { name: 'ECDSA', hash: 'SHA-256' };
const P256 = { name: 'ECDSA', namedCurve: 'P-256' };
/** Curves of the keys in requests that are signed, by OpenSSL's names. */
const CURVES: readonly string[] = ['prime256v1', 'secp384r1'];

/** A certificate and its private key, both in PEM. */
export interface KeyedCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** A request and its private key, both in PEM. */
export interface KeyedRequest {
  readonly request: string;
  readonly key: string;
}

/** Somebody sent a request that cannot be signed; the message says why. */
export class RequestError extends Error {
  readonly code = 'request';
}

/** The subject of a certificate. */
export interface Wanted {
  /** The common name. */
  readonly name: string;
  /** A server proves its names to agents, an agent its name to the server; neither certificate serves for the other. */
  readonly usage: 'server' | 'agent';
  /** DNS names and addresses of a server; empty for an agent. */
  readonly alternativeNames: readonly string[];
  readonly days: number;
}

const pemOf = (key: webcrypto.CryptoKey): string =>
  KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();

const makeKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  crypto.subtle.generateKey(P256, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;

/** Gives the certificate's times: whole seconds, since X.509 has no finer ones. */
const wholeSeconds = (ms: number): Date => new Date(Math.floor(ms / 1_000) * 1_000);

/** Makes an authority with a key of its own. */
export async function makeAuthority(name: string, nowMs: number): Promise<KeyedCertificate> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(SERIAL_BYTES).toString('hex'),
    name: [{ CN: [name] }],
    notBefore: wholeSeconds(nowMs - BACKDATED_MS),
    notAfter: wholeSeconds(nowMs + AUTHORITY_DAYS * DAY_MS),
    signingAlgorithm: SHA256_ECDSA,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString('pem')}\n`, key: pemOf(keys.privateKey) };
}

/** Makes a key and a request for a certificate of this name. */
export async function makeRequest(name: string): Promise<KeyedRequest> {
  const keys = await makeKeys();
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: SHA256_ECDSA,
  });
  return { request: `${request.toString('pem')}\n`, key: pemOf(keys.privateKey) };
}

/**
 * Signs a request and gives the certificate in PEM. Of the request only its key is used: who asks does not say who he is. Rejects
 * with a RequestError where the request is none, is not signed with its own key, or has a key of another kind than ECDSA on P-256 or
 * P-384.
 */
export async function sign(
  authority: KeyedCertificate,
  request: string,
  { name, usage, alternativeNames, days }: Wanted,
  nowMs: number,
): Promise<string> {
  const publicKey = await keyIn(request);
  const issuer = new X509Certificate(authority.certificate);
  const signingKey = await crypto.subtle.importKey(
    'pkcs8',
    createPrivateKey(authority.key).export({ type: 'pkcs8', format: 'der' }),
    P256,
    false,
    ['sign'],
  );
  const purpose = usage === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth;
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([purpose]),
  ];
  if (alternativeNames.length > 0)
    extensions.push(
      new SubjectAlternativeNameExtension(
        alternativeNames.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
      ),
    );
  const certificate = await X509CertificateGenerator.create({
    serialNumber: randomBytes(SERIAL_BYTES).toString('hex'),
    subject: [{ CN: [name] }],
    issuer: issuer.subjectName.toJSON(),
    // The server looks at agents' certificates by its own clock, and at when they were made.
    notBefore: wholeSeconds(usage === 'server' ? nowMs - BACKDATED_MS : nowMs),
    notAfter: wholeSeconds(nowMs + days * DAY_MS),
    signingAlgorithm: SHA256_ECDSA,
    publicKey,
    signingKey,
    extensions,
  });
  return `${certificate.toString('pem')}\n`;
}

async function keyIn(request: string): Promise<Pkcs10CertificateRequest['publicKey']> {
  if (request.length > REQUEST_LIMIT_CHARS)
    throw new RequestError(`a request has at most ${REQUEST_LIMIT_CHARS} characters`);
  try {
    const read = new Pkcs10CertificateRequest(request);
    const key = createPublicKey({ key: Buffer.from(read.publicKey.rawData), format: 'der', type: 'spki' });
    if (!CURVES.includes(key.asymmetricKeyDetails?.namedCurve ?? ''))
      throw new RequestError('its key must be ECDSA on P-256 or P-384');
    if (!(await read.verify())) throw new RequestError('it is not signed with its own key');
    return read.publicKey;
  } catch (error) {
    if (error instanceof RequestError) throw error;
    throw new RequestError('it is no request for a certificate in PEM (PKCS #10)', { cause: error });
  }
}
