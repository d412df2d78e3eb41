/** Delivers messages over HTTP. */
import { escapeText } from '../../service/escape.ts';
import { withoutSecrets } from './channel-secrets.ts';
import { ANSWER_SHOWN, DELIVERY_LIMIT_MS, type Delivery, faulty } from './delivery.ts';
import type { Post } from './post.ts';

/** Statuses that a retry may change: RFC 9110 section 15.5.9, RFC 8470, RFC 6585. */
const TRANSIENT = new Set([408, 425, 429]);

/**
 * Posts a message; the whole answer may take `limitMs`. `secrets` are hidden in what a fault repeats. Never rejects. A redirect is not followed: it would turn the POST
 * into a GET, or send a secret elsewhere.
 */
export async function postTo(
  { url, headers, body }: Post,
  secrets: readonly string[],
  signal: AbortSignal,
  nowMs: number,
  limitMs = DELIVERY_LIMIT_MS,
): Promise<Delivery> {
  const where = new URL(url).origin;
  try {
    const response = await fetch(withoutUser(url), {
      method: 'POST',
      headers: { 'user-agent': 'asgard', ...basicOf(url), ...headers },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(limitMs)]),
    });
    if (response.ok) {
      await response.body?.cancel();
      return { ok: true };
    }
    const { status } = response;
    const answer = await beginning(response, secrets);
    if (status >= 300 && status < 400)
      return faulty(`HTTP ${status}: ${where} redirects to another address; set the channel to that one`, true);
    return {
      ok: false,
      fault: `HTTP ${status} from ${where}${answer === '' ? '' : `: ${answer}`}`,
      retryAfterMs: retryAfterMs(response.headers.get('retry-after'), nowMs),
      refused: status < 500 && !TRANSIENT.has(status),
    };
  } catch (error) {
    const { name, message, cause } = error as Error;
    if (name === 'TimeoutError') return faulty(`no answer from ${where} within ${limitMs / 1_000} s`);
    const why = cause instanceof Error && cause.message !== '' ? cause.message : message;
    return faulty(`${where} cannot be reached: ${escapeText(withoutSecrets(why, secrets), ANSWER_SHOWN)}`);
  }
}

/** Returns an address without its user and password, which `fetch` refuses with an error that repeats them. */
function withoutUser(url: string): URL {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return bare;
}

/** Returns the header for the user and password in an address (RFC 7617). */
function basicOf(url: string): Record<string, string> {
  const { username, password } = new URL(url);
  if (username === '' && password === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair, 'utf8').toString('base64')}` };
}

/** Returns the beginning of a receiver's answer as one line: some repeat the address that they were asked at. */
async function beginning(response: Response, secrets: readonly string[]): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return '';
  const { value } = await reader.read();
  await reader.cancel();
  const text = Buffer.from(value ?? []).toString('utf8');
  return escapeText(withoutSecrets(text, secrets).trim().replace(/\s+/g, ' '), ANSWER_SHOWN);
}

/** Returns `Retry-After` as a span in milliseconds: seconds or a date (RFC 9110 section 10.2.3); null where it is neither. */
export function retryAfterMs(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
