/** Finds what is secret in a channel's settings, and hides it in what receivers and libraries answer. Pure. */
import type { Channel } from '../alert-config/rules-schema.ts';

/** A shorter text is no secret that can be recognised: it would be hidden inside of ordinary words. */
const SHORTEST_CHARS = 4;
/** Parts of an address are hidden from this length on: `/api/v2` is none, a token of Slack or Telegram is. */
const SHORTEST_PART_CHARS = 8;
const HIDDEN = '(hidden)';

/** Returns the secrets in an address: its user and password, its path and query, and their parts; the longest first. */
function secretsOfUrl(address: string): string[] {
  if (!URL.canParse(address)) return [address];
  const { username, password, pathname, search } = new URL(address);
  const parts = `${pathname}${search}`.split(/[/?&=;,:]/).filter(({ length }) => length >= SHORTEST_PART_CHARS);
  const whole = [address, `${pathname}${search}`, pathname].filter(({ length }) => length >= SHORTEST_PART_CHARS);
  return [...whole, ...parts, username, password];
}

/** Returns a text as it is and with its percent escapes read, since receivers repeat either. */
function bothForms(text: string): string[] {
  try {
    return [text, decodeURIComponent(text)];
  } catch {
    return [text];
  }
}

/** Returns the secrets of a channel, the longest first, so that none is hidden in part. */
export function secretsOf(channel: Channel): readonly string[] {
  const given: (string | undefined)[] = [];
  if ('url' in channel && channel.url !== undefined) given.push(...secretsOfUrl(channel.url));
  if (channel.type === 'email') {
    const { username, password } = new URL(channel.server);
    const pair = `\0${decoded(username)}\0${decoded(password)}`;
    // A server may repeat the command: AUTH PLAIN has both in base64 (RFC 4616), AUTH LOGIN each.
    given.push(password, ...[pair, decoded(username), decoded(password)].map(base64));
  }
  if (channel.type === 'webhook') given.push(channel.secret);
  if (channel.type === 'ntfy') given.push(channel.token);
  if (channel.type === 'pagerduty') given.push(channel.routingKey);
  if (channel.type === 'alertmanager')
    given.push(channel.password, base64(`${channel.user ?? ''}:${channel.password ?? ''}`));
  const all = given.flatMap((one) => (one === undefined ? [] : bothForms(one)));
  return [...new Set(all)].filter(({ length }) => length >= SHORTEST_CHARS).sort((a, b) => b.length - a.length);
}

const decoded = (text: string): string => bothForms(text).at(-1) as string;
const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

/** Hides the secrets in a text, also one whose beginning stands at the text's end: answers are read in part. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let shown = text;
  for (const secret of secrets) shown = shown.replaceAll(secret, HIDDEN);
  const cut = Math.max(0, ...secrets.map((secret) => beginningAtEnd(shown, secret)));
  return cut === 0 ? shown : `${shown.slice(0, -cut)}${HIDDEN}`;
}

/** Returns how many characters of a secret's beginning the text ends with; 0 where they are too few to be of it. */
function beginningAtEnd(text: string, secret: string): number {
  for (let length = Math.min(secret.length - 1, text.length); length >= SHORTEST_CHARS; length--)
    if (text.endsWith(secret.slice(0, length))) return length;
  return 0;
}
