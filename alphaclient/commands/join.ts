/** `alphaclient join`: gets this host a certificate of its own, writes the agent's settings, and starts its service where there is one. */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { readJoinCode } from '../../protocol/join-code.ts';
import { COMMON_NAME_LIMIT_CHARS, makeRequest } from '../../service/certificates.ts';
import { UsageError } from '../../service/command-line.ts';
import type { Environment } from '../../service/environment.ts';
import { escapeText } from '../../service/escape.ts';
import { asOwnerOf, makeFolder, replaceFile } from '../../service/files.ts';
import { UserError } from '../../service/user-error.ts';
import { type Address, hostAndPort } from '../../service/value-parser.ts';
import { type ClientConfig, SERVER_STANDARD } from '../config.ts';
import { currentHeartbeat } from '../heartbeat.ts';
import { DEFAULT_LOGS } from '../log/default-log.ts';
import { summarize } from '../outbox/summary.ts';
import { identityFiles, writeIdentity } from '../uplink/identity-file.ts';
import { type Joined, joinServer } from '../uplink/joining.ts';
import { withSettings } from './settings-file.ts';

/** Limit of the time in which a started service has to be connected, before the command ends all the same. */
const CONNECTED_LIMIT_MS = 15_000;
const LOOK_EVERY_MS = 200;
/** Only root changes what systemd starts, and it alone may become another user. */
const ROOT_UID = 0;
/** Root writes a service's settings, and the service's group reads them: a token may stand there. */
const SETTINGS_MODE = 0o640;

/** The arguments of the command. */
export interface JoinGiven {
  readonly server: Address;
  readonly code: string | null;
  /** The file that holds the code, or null. */
  readonly file: string | null;
  readonly config: ClientConfig;
  /** The real environment: SETTINGS_DEFAULTS is the file to write, SETTINGS_SERVICE the unit to start. */
  readonly env: Environment;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** Joins. Rejects with a UserError that says what to do. */
export async function joinCommand(given: JoinGiven): Promise<number> {
  const { server, config, env, stdout } = given;
  const code = await codeOf(given);
  const parts = readJoinCode(code);
  if (parts === null)
    throw new UserError('the code is not valid: copy all 44 characters that alphaserver enroll printed');
  const host = config.name ?? hostname();
  const state = resolve(config.stateFolder);
  const file = env['SETTINGS_DEFAULTS'] ?? join(state, '.env');
  checkWritable(state, file);
  const { request: csr, key } = await makeRequest(host.slice(0, COMMON_NAME_LIMIT_CHARS));
  const joined = await joinServer({ server, code, parts, host, csr });
  const name = new X509Certificate(joined.certificate).subject.replace(/^CN=/, '');
  writeFiles(state, joined, key);
  writeSettings(file, state, settingsFor(given, name, state));
  stdout.write(`Joined ${escapeText(`${server.host}:${server.port} as ${name}; settings are in ${file}`)}\n`);
  const told = serversNote(server, config.servers);
  if (told !== null) stdout.write(`${escapeText(told)}\n`);
  const unit = env['SETTINGS_SERVICE'] ?? '';
  if (unit === '' || process.getuid?.() !== ROOT_UID || !existsSync('/run/systemd/system')) {
    stdout.write('Start it with: alphaclient run\n');
    return 0;
  }
  return started(unit, state, given);
}

/** What is to be done about a file that cannot be written, by the system's code. */
const REMEDIES: Readonly<Record<string, string>> = {
  EACCES: 'run it as root, or as the user to whom that belongs',
  EPERM: 'run it as root, or as the user to whom that belongs',
  EROFS: 'make that file system writable',
  ENOSPC: 'make room on that disk',
  EDQUOT: 'make room in the quota of this user',
};
/** Room that must be there: more than the settings, or a certificate with its key, take. */
const TRIED_BYTES = 16_384;

/**
 * Writes where the identity and the settings will stand, and takes it away again. A code is good for one host: one that cannot keep
 * what it gets must not use it up. Throws a UserError that says what to do.
 */
function checkWritable(state: string, file: string): void {
  const attempt = (path: string, what: string, work: () => void): void => {
    try {
      work();
    } catch (cause) {
      const { code = '', message } = cause as NodeJS.ErrnoException;
      const remedy = REMEDIES[code] === undefined ? '' : `: ${REMEDIES[code]}`;
      throw new UserError(
        `${what} cannot be written to ${path} (${message})${remedy}; nothing was sent, the code is still good`,
        1,
        { cause },
      );
    }
  };
  attempt(state, 'the identity of this host', () => {
    makeFolder(state);
    asOwnerOf(state, () => writeAndDelete(state));
  });
  attempt(file, 'the settings', () => {
    mkdirSync(dirname(file), { recursive: true });
    const exists = existsSync(file);
    if (exists) closeSync(openSync(file, 'r+'));
    // Settings that are there are written over in place: on a full disk what stood there would be gone.
    if (!exists || mayWrite(dirname(file))) writeAndDelete(dirname(file));
  });
}

function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function writeAndDelete(folder: string): void {
  const file = join(folder, `.join-${process.pid}`);
  try {
    writeFileSync(file, Buffer.alloc(TRIED_BYTES), { flag: 'wx', mode: 0o600, flush: true });
  } finally {
    rmSync(file, { force: true });
  }
}

/** Takes the code from where it is given, and asks for it where it is not: what is typed there is in no shell's history. */
async function codeOf({ code, file, stdin, stderr }: JoinGiven): Promise<string> {
  const wrong = (what: string): UsageError => new UsageError('alphaclient join', what);
  if (code !== null && file !== null) throw wrong('it takes CODE or --file, and not both');
  if (code !== null) return code;
  if (file !== null && file !== '-') return contentOf(file);
  const isTerminal = (stdin as { isTTY?: boolean }).isTTY === true;
  const lines = createInterface({ input: stdin, ...(isTerminal ? { output: stderr as NodeJS.WritableStream } : {}) });
  if (isTerminal) lines.setPrompt('Code: ');
  if (isTerminal) lines.prompt();
  for await (const line of lines) {
    lines.close();
    return line.trim();
  }
  throw wrong('CODE is missing: alphaserver enroll prints one');
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new UserError(`${file} cannot be read: ${(cause as Error).message}`, 1, { cause });
  }
}

function writeFiles(state: string, { certificate, ca }: Joined, key: string): void {
  const files = identityFiles(state);
  replaceFile(files.ca, ca);
  writeIdentity(files.identity, certificate, key);
}

const urlOf = ({ scheme, host, port }: Address): string => `${scheme}://${hostAndPort(host, port)}`;
const isAt = (server: Address, { host, port }: Address): boolean =>
  host.toLowerCase() === server.host.toLowerCase() && port === server.port;

/**
 * Returns the servers of a host that has joined at `server`: the list that was set, where it is one of them, else itself alone. All by
 * TLS: over plain TCP no certificate can be shown, and whoever cuts off the others would have the agent use that.
 */
export function serversAfter(server: Address, before: readonly Address[]): Address[] {
  const kept = before.some((one) => isAt(server, one)) ? before : [server];
  return kept.map((one) => ({ ...one, scheme: 'tls' }));
}

/** Says what becomes of a list of servers that was set; null where only the one was. */
export function serversNote(server: Address, before: readonly Address[]): string | null {
  const after = serversAfter(server, before).map(urlOf).join(',');
  if (before.some((one) => isAt(server, one)))
    return before.length === 1 ? null : `It was one of several servers, which are tried in turn: ${after}`;
  const was = before.map(urlOf).join(',');
  return was === SERVER_STANDARD ? null : `ALPHACLIENT_SERVER is ${after} now, in place of ${was}`;
}

/** Returns what the agent needs to be set. A token stays: the server takes it as a proof of who the agent was before. */
function settingsFor({ server, config, env }: JoinGiven, name: string, state: string): Record<string, string | null> {
  const { identity, ca } = identityFiles(state);
  // A journal says which program wrote a line, which a file cannot.
  const usesJournal =
    (env['SETTINGS_SERVICE'] ?? '') !== '' &&
    config.log === null &&
    existsSync('/run/systemd/journal') &&
    !hasReadFile(state);
  return {
    ALPHACLIENT_SERVER: serversAfter(server, config.servers).map(urlOf).join(','),
    ALPHACLIENT_TLS_CA: ca,
    ALPHACLIENT_TLS_CERT: identity,
    ALPHACLIENT_TLS_KEY: identity,
    ALPHACLIENT_NAME: name === hostname() ? null : name,
    ...(usesJournal ? { ALPHACLIENT_LOG: 'journald' } : {}),
  };
}

/** Tells whether an agent with this state folder has read a default file. It goes on with that: the journal has the same attempts. */
export function hasReadFile(state: string): boolean {
  try {
    const logs = asOwnerOf(state, () => summarize(state))?.logs ?? [];
    return logs.some(({ log }) => (DEFAULT_LOGS as readonly string[]).includes(log));
  } catch {
    // An outbox that cannot be read has no position to go on from.
    return false;
  }
}

/** Writes the settings, readable for the user to whom the state folder belongs: as that, root runs `alphaclient status`. */
function writeSettings(file: string, state: string, settings: Record<string, string | null>): void {
  const before = existsSync(file)
    ? readFileSync(file, 'utf8')
    : '# Settings of this host; alphaclient --help says where all are listed.\n';
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, withSettings(before, settings), { mode: SETTINGS_MODE });
    if (dirname(file) === state || process.getuid?.() !== ROOT_UID) return;
    chownSync(file, ROOT_UID, statSync(state).gid);
    chmodSync(file, SETTINGS_MODE);
  } catch (cause) {
    throw new UserError(`the settings cannot be written to ${file}: ${(cause as Error).message}`, 1, { cause });
  }
}

/** Starts the service, now and with the machine, and waits until it is connected. */
async function started(unit: string, state: string, { stdout, stderr }: JoinGiven): Promise<number> {
  try {
    for (const verb of ['enable', 'restart']) execFileSync('systemctl', ['--quiet', verb, unit], { stdio: 'pipe' });
  } catch (error) {
    const message = String((error as { stderr?: Buffer }).stderr ?? error).trim();
    throw new UserError(`${unit} does not start: ${message}`);
  }
  const endsMs = Date.now() + CONNECTED_LIMIT_MS;
  while (Date.now() < endsMs) {
    if (currentHeartbeat(state, Date.now())?.connected) {
      stdout.write(`${unit} runs and is connected\n`);
      return 0;
    }
    await new Promise((next) => setTimeout(next, LOOK_EVERY_MS));
  }
  stderr.write(`${unit} runs and is not connected yet: journalctl -u ${unit} says why\n`);
  return 1;
}
