/** One connection as sshd (OpenSSH 9.2, rsyslog, PAM) logs it: the messages it writes, and what happened in truth. */
import type { Outcome } from '../../protocol/event.ts';
import type { Random } from './random.ts';

/** A message of sshd at a time, still without the prefix that a syslog puts before it. */
export interface Message {
  readonly atMs: number;
  readonly text: string;
}

/** The events that an agent should make of the lines: the truth to compare with. */
export interface TrueEvent {
  readonly atMs: number;
  readonly host: string;
  readonly outcome: Outcome;
  readonly method: string | null;
  readonly user: string | null;
  readonly ip: string;
  readonly port: number;
}

/** A connection. `messages` are in order of time. */
export interface LoggedConnection {
  readonly host: string;
  readonly pid: number;
  readonly messages: readonly Message[];
  readonly events: readonly TrueEvent[];
}

/** Host and time of a connection. */
export interface Scene {
  readonly atMs: number;
  readonly host: string;
  readonly ip: string;
}

const PORT_LOW = 32_768;
const PORT_HIGH = 60_999;
const PID_LOW = 1_000;
const PID_HIGH = 4_194_303;

class MessageWriter {
  readonly scene: Scene;
  readonly port: number;
  readonly #pid: number;
  readonly #random: Random;
  readonly #messages: Message[] = [];
  readonly #events: TrueEvent[] = [];
  #atMs: number;

  constructor(random: Random, scene: Scene) {
    this.#random = random;
    this.scene = scene;
    this.#atMs = scene.atMs;
    this.port = random.whole(PORT_LOW, PORT_HIGH);
    this.#pid = random.whole(PID_LOW, PID_HIGH);
  }

  get from(): string {
    return `${this.scene.ip} port ${this.port}`;
  }

  later(lowMs: number, highMs: number): void {
    this.#atMs += this.#random.whole(lowMs, highMs);
  }

  says(text: string): void {
    this.#messages.push({ atMs: this.#atMs, text });
  }

  decides(outcome: Outcome, method: string | null, user: string | null): void {
    const { host, ip } = this.scene;
    this.#events.push({ atMs: this.#atMs, host, outcome, method, user, ip, port: this.port });
  }

  get connection(): LoggedConnection {
    return { host: this.scene.host, pid: this.#pid, messages: this.#messages, events: this.#events };
  }
}

/** A person of the simulated fleet. */
export interface Account {
  readonly user: string;
  readonly uid: number;
  /** Key type and fingerprint as sshd prints them. */
  readonly key: string;
}

/** Wrong passwords for one user in one connection, at most six: sshd's MaxAuthTries. */
export function wrongPasswords(
  random: Random,
  scene: Scene,
  user: string,
  known: boolean,
  times: number,
): LoggedConnection {
  const writer = new MessageWriter(random, scene);
  const { from } = writer;
  const inv = known ? '' : 'invalid user ';
  if (!known) writer.says(`Invalid user ${user} from ${from}`);
  for (let time = 1; time <= times; time++) {
    writer.later(60, 900);
    if (!known) writer.says('pam_unix(sshd:auth): check pass; user unknown');
    if (time === 1)
      writer.says(
        `pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=${scene.ip}${known ? `  user=${user}` : ''}`,
      );
    // pam_unix holds a wrong password back for about two seconds; automated guessers give up on it sooner.
    writer.later(1_400, 2_600);
    writer.says(`Failed password for ${inv}${user} from ${from} ssh2`);
    writer.decides('failed', 'password', user);
  }
  writer.later(20, 400);
  if (times >= 6) {
    writer.says(`error: maximum authentication attempts exceeded for ${inv}${user} from ${from} ssh2 [preauth]`);
    writer.says(
      `Disconnecting ${known ? 'authenticating' : 'invalid'} user ${user} ${from}: Too many authentication failures [preauth]`,
    );
  } else if (random.chance(0.5)) {
    writer.says(`Received disconnect from ${from}:11: Bye Bye [preauth]`);
    writer.says(`Disconnected from ${known ? 'authenticating' : 'invalid'} user ${user} ${from} [preauth]`);
  } else writer.says(`Connection closed by ${known ? 'authenticating' : 'invalid'} user ${user} ${from} [preauth]`);
  return writer.connection;
}

/** A login, by key or by password, and its end after `sessionMs`. A slip is a wrong password before the right one. */
export function login(
  random: Random,
  scene: Scene,
  account: Account,
  method: 'publickey' | 'password',
  sessionMs: number,
  slips = 0,
): LoggedConnection {
  const writer = new MessageWriter(random, scene);
  const { from } = writer;
  const { user, uid, key } = account;
  for (let slip = 0; slip < slips; slip++) {
    writer.later(1_500, 4_000);
    writer.says(`Failed password for ${user} from ${from} ssh2`);
    writer.decides('failed', 'password', user);
  }
  writer.later(80, 400);
  writer.says(`Accepted ${method} for ${user} from ${from} ssh2${method === 'publickey' ? `: ${key}` : ''}`);
  writer.decides('accepted', method, user);
  writer.later(4, 40);
  writer.says(`pam_unix(sshd:session): session opened for user ${user}(uid=${uid}) by (uid=0)`);
  writer.later(sessionMs, sessionMs + 1_000);
  writer.says(`Received disconnect from ${from}:11: disconnected by user`);
  writer.says(`Disconnected from user ${user} ${from}`);
  writer.says(`pam_unix(sshd:session): session closed for user ${user}`);
  return writer.connection;
}

const NO_COMMON: readonly [string, string][] = [
  ['key exchange method', 'diffie-hellman-group14-sha1,diffie-hellman-group-exchange-sha1,diffie-hellman-group1-sha1'],
  ['host key type', 'ssh-rsa,ssh-dss'],
];

/** A connection that ends before any decision. `user` is given where the client named one before it left. */
export function probe(random: Random, scene: Scene, user: string | null): LoggedConnection {
  const writer = new MessageWriter(random, scene);
  const { from } = writer;
  if (user !== null) {
    writer.says(`Invalid user ${user} from ${from}`);
    writer.later(100, 4_000);
    writer.says(`Connection closed by invalid user ${user} ${from} [preauth]`);
    writer.decides('probe', null, user);
    return writer.connection;
  }
  writer.later(10, 2_000);
  switch (random.whole(0, 4)) {
    case 0:
      writer.says('error: kex_exchange_identification: Connection closed by remote host');
      writer.says(`Connection closed by ${from}`);
      break;
    case 1:
      writer.says('error: kex_exchange_identification: client sent invalid protocol identifier "GET / HTTP/1.1"');
      writer.says(`banner exchange: Connection from ${from}: invalid format`);
      break;
    case 2: {
      const [what, offer] = random.pick(NO_COMMON as [[string, string]]);
      writer.says(`Unable to negotiate with ${from}: no matching ${what} found. Their offer: ${offer} [preauth]`);
      break;
    }
    case 3:
      writer.says(`Connection reset by ${from} [preauth]`);
      break;
    default:
      writer.says(`Connection closed by ${from} [preauth]`);
  }
  writer.decides('probe', null, null);
  return writer.connection;
}

/** A line of an sshd that nobody has seen yet, for the radar. It decides nothing that an agent could know. */
export function strange(random: Random, scene: Scene, user: string): LoggedConnection {
  const writer = new MessageWriter(random, scene);
  writer.says(
    random.chance(0.7)
      ? `auth-policy: verdict=deny subject="${user}" peer=[${scene.ip}]:${writer.port} rule=pw-v${random.whole(2, 3)}`
      : `auth-policy: throttled peer=[${scene.ip}]:${writer.port} for ${random.whole(1, 90)} s`,
  );
  return writer.connection;
}
