/** sshd's ordinary messages: what an ordinary connection says, by how far it has come. See ordinary.ts. */

import { Templates } from './matcher.ts';

/**
 * - `ignored`: it says nothing of any connection. `nothing`: it says nothing new of its own.
 * - `over`: the connection has had its decision, and ends; `ended`: it had none.
 * - `failed`: one more wrong password; `repeated`: as many as it says. `publickey`, `password`, `keyboard`: a login by these. The
 *   first of them may tell the port.
 * - `goodbye`: what the client says before it ends the connection.
 * - `refused`: the connection's limit of attempts is reached; `told`: sshd ends it. `more`: PAM sums failures up.
 * - `pam`, `pam-unknown`: PAM's word on a failure, whose decision may come.
 * - `named`: the user once more. `new-...`: the first word of a connection, `new-ended` its last as well; `new-goodbye`, when
 *   that is awaited; `new-remark`: what happened, but not to whom.
 */
export type Said =
  | 'ignored'
  | 'nothing'
  | 'over'
  | 'ended'
  | 'failed'
  | 'repeated'
  | 'publickey'
  | 'password'
  | 'keyboard'
  | 'goodbye'
  | 'refused'
  | 'told'
  | 'more'
  | 'pam'
  | 'pam-unknown'
  | 'named'
  | 'new-named'
  | 'new-pam'
  | 'new-failed'
  | 'new-publickey'
  | 'new-password'
  | 'new-keyboard'
  | 'new-goodbye'
  | 'new-remark'
  | 'new-ended';

/** True for what stands for an event by itself. */
function isDecision(said: Said): boolean {
  return (
    said === 'failed' ||
    said === 'publickey' ||
    said === 'password' ||
    said === 'keyboard' ||
    said === 'new-failed' ||
    said === 'new-publickey' ||
    said === 'new-password' ||
    said === 'new-keyboard'
  );
}

const NEW_PEER = '{new ip} port {new port}';
const AUTH = 'pam_unix(sshd:auth): ';
const SESSION = 'pam_unix(sshd:session): session ';
const RHOST = `${AUTH}authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=`;
const UNKNOWN = `${AUTH}check pass; user unknown`;
const CLOSED = 'connection closed';
const RESET = 'connection reset';
const NO_KEX = 'no matching key exchange method found';
const NO_HOST_KEY = 'no matching host key type found';
const EXCEEDED = 'maximum authentication attempts exceeded';
const TOO_MANY = 'Too many authentication failures';

const TEMPLATES = new Templates();

/** A message: its template, what it says, and where it says more, why, and whether it calls the user invalid. */
export class Message {
  readonly template: string;
  /** Where the template's steps begin. */
  readonly start: number;
  readonly said: Said;
  readonly reason: string;
  readonly invalid: boolean | null;
  /** Whether it stands for an event by itself. */
  readonly decides: boolean;

  constructor(text: string, said: Said, reason = '', invalid: boolean | null = null) {
    this.template = text;
    this.start = TEMPLATES.add(text);
    this.said = said;
    this.reason = reason;
    this.invalid = invalid;
    this.decides = isDecision(said);
  }
}

const m = (...values: ConstructorParameters<typeof Message>): Message => new Message(...values);

/** A client that gives up is an error to sshd, where it does not say that its user did (RFC 4253, section 11.1). */
const goodbyes = (peer: string, said: Said): readonly Message[] =>
  ['', 'error: '].map((level) => m(`${level}Received disconnect from ${peer}:{rest [preauth]}`, said));

/** PAM's summary of failures that have their lines. */
const more = (said: Said): Message => m('PAM {number} more authentication failure{rest}', said);
const MAX_RETRIES = m('PAM service(sshd) ignoring max retries; {number} > {number}', 'ignored');

const KEX = 'error: kex_exchange_identification: ';
const NO_CLIENT = 'no SSH client: invalid protocol identifier';
/** What happened to a connection that the next line tells of. */
const REMARKS = ['Connection closed by remote host', 'read: Connection reset by peer'];

/** What nobody has said anything of before. */
const NEW: readonly Message[] = [
  m(`Invalid user {new user} from ${NEW_PEER}`, 'new-named'),
  m(`Invalid user {any user} from ${NEW_PEER}`, 'new-named'),
  m(`${RHOST}{new ip}  user={new user}`, 'new-pam'),
  m(`Failed password for invalid user {new user} from ${NEW_PEER} ssh2`, 'new-failed', '', true),
  m(`Failed password for {new user} from ${NEW_PEER} ssh2`, 'new-failed', '', false),
  m(`Accepted publickey for {new user} from ${NEW_PEER} ssh2: {new key}`, 'new-publickey'),
  m(`Accepted password for {new user} from ${NEW_PEER} ssh2`, 'new-password'),
  m(`Accepted keyboard-interactive/pam for {new user} from ${NEW_PEER} ssh2`, 'new-keyboard'),
  m(`Connection closed by ${NEW_PEER} [preauth]`, 'new-ended', CLOSED),
  m(`Connection reset by ${NEW_PEER} [preauth]`, 'new-ended', RESET),
  m(`Did not receive identification string from ${NEW_PEER}`, 'new-ended', 'no identification string'),
  m(`banner exchange: Connection from ${NEW_PEER}: invalid format`, 'new-ended', 'invalid format'),
  m(`fatal: Timeout before authentication for ${NEW_PEER}`, 'new-ended', 'timeout before authentication'),
  ...[NO_KEX, NO_HOST_KEY].map((reason) =>
    m(`Unable to negotiate with ${NEW_PEER}: ${reason}. Their offer: {rest [preauth]}`, 'new-ended', reason),
  ),
  ...goodbyes(NEW_PEER, 'new-goodbye'),
  ...REMARKS.map((reason) => m(`${KEX}${reason}`, 'new-remark', reason)),
  m(`${KEX}client sent invalid protocol identifier {rest}`, 'new-remark', NO_CLIENT),
  m('reverse mapping checking getaddrinfo for {rest}', 'ignored'),
  m(`${SESSION}opened for user {rest}`, 'ignored'),
  m(`${SESSION}closed for user {rest}`, 'ignored'),
  more('ignored'),
  MAX_RETRIES,
];

/** Decisions, where the client's port is known, and where it is told by the first of them: PAM's lines have none. */
const decisions = (client: string): readonly Message[] => [
  m(`Failed password for invalid user ${client} ssh2`, 'failed', '', true),
  m(`Failed password for ${client} ssh2`, 'failed', '', false),
  m(`Accepted publickey for ${client} ssh2: {new key}`, 'publickey'),
  m(`Accepted password for ${client} ssh2`, 'password'),
  m(`Accepted keyboard-interactive/pam for ${client} ssh2`, 'keyboard'),
];
const DECISIONS = decisions('{client}');

/** The method `none` is a client asking what is offered. */
const NONE_TRIED: readonly Message[] = [
  m('Failed none for invalid user {client} ssh2', 'named', '', true),
  m('Failed none for {client} ssh2', 'named', '', false),
];

const NAMED_AGAIN = m('input_userauth_request: invalid user {user} [preauth]', 'named', '', true);

/** How a connection ends before a login, by the client's will. */
const ends = (said: Said): readonly Message[] =>
  [
    ['Connection closed by ', CLOSED] as const,
    ['Connection reset by ', RESET] as const,
    ['Disconnected from ', 'disconnected'] as const,
  ].flatMap(([words, reason]) => [
    m(`${words}invalid user {user} {peer} [preauth]`, said, reason, true),
    m(`${words}authenticating user {user} {peer} [preauth]`, said, reason, false),
    m(`${words}{peer} [preauth]`, said, reason),
  ]);

/** What others say of an attempt, and of its user. */
const UNTOLD: readonly Message[] = [m(UNKNOWN, 'pam-unknown'), m(`${RHOST}{ip}{more}`, 'pam'), NAMED_AGAIN];

/** Of one that was refused at least once. */
const DECIDED: readonly Message[] = [
  ...DECISIONS,
  m('message repeated {number} times: [ Failed password for invalid user {client} ssh2]', 'repeated', '', true),
  m('message repeated {number} times: [ Failed password for {client} ssh2]', 'repeated', '', false),
  ...ends('over'),
  ...goodbyes('{peer}', 'nothing'),
  ...UNTOLD,
  ...NONE_TRIED,
  m(`error: ${EXCEEDED} for invalid user {client} ssh2 [preauth]`, 'refused', EXCEEDED, true),
  m(`error: ${EXCEEDED} for {client} ssh2 [preauth]`, 'refused', EXCEEDED, false),
  m(`Disconnecting invalid user {user} {peer}: ${TOO_MANY} [preauth]`, 'told'),
  m(`Disconnecting authenticating user {user} {peer}: ${TOO_MANY} [preauth]`, 'told'),
  more('more'),
  MAX_RETRIES,
];

/** Of one of which nothing is known but a remark. */
const REMARKED: readonly Message[] = [
  ...['', ' [preauth]'].flatMap((behind) => [
    m(`Connection closed by ${NEW_PEER}${behind}`, 'new-ended', CLOSED),
    m(`Connection reset by ${NEW_PEER}${behind}`, 'new-ended', RESET),
  ]),
  m(`banner exchange: Connection from ${NEW_PEER}: invalid format`, 'new-ended', 'invalid format'),
];

/** Of one that has logged in. */
const ACCEPTED: readonly Message[] = [
  m(`${SESSION}opened for user {rest}`, 'ignored'),
  m('Received disconnect from {peer}:{rest}', 'nothing'),
  m('Disconnected from user {user} {peer}', 'over'),
];

/** Of an invalid user first those that say so, else first the others. */
export interface Messages {
  readonly invalid: readonly Message[];
  readonly valid: readonly Message[];
}

function messages(...all: readonly Message[]): Messages {
  const last = (one: Message, is: boolean): number => (one.invalid === is ? 1 : 0);
  return {
    invalid: all.toSorted((a, b) => last(a, false) - last(b, false)),
    valid: all.toSorted((a, b) => last(a, true) - last(b, true)),
  };
}

/** Of a connection that no line has spoken of. */
export const OF_NEW = messages(...NEW);
/** Of one whose client is known, and of which nothing is decided. */
export const OF_UNDECIDED = messages(
  ...DECISIONS,
  ...UNTOLD,
  ...NONE_TRIED,
  ...ends('ended'),
  ...goodbyes('{peer}', 'goodbye'),
);
/** Of one of whose client all but the port is known. */
export const OF_WITHOUT_PORT = messages(...decisions('{client}{new port}'), ...UNTOLD);
/** Of one that was refused, and goes on. */
export const OF_DECIDED = messages(...DECIDED);
/** Of one that got in. */
export const OF_ACCEPTED = messages(...ACCEPTED);
/** Of one of which only a remark was read. */
export const OF_REMARKED = messages(...REMARKED);
/** Of one that is about to end. */
export const OF_GONE = messages();
/** Of one that sshd has turned away. */
export const OF_TOLD = messages(...ends('over'), more('more'), MAX_RETRIES);

/** The steps of all templates, and their texts, with which the memory begins where messages are compared. */
export const STEPS = TEMPLATES.steps();
export const TEXTS = TEMPLATES.texts();
