/** Delivers messages by email. This is the only file that imports nodemailer. */
import { createTransport } from 'nodemailer';
import { escapeText } from '../../service/escape.ts';
import { isLoopback } from '../../service/ip-network.ts';
import { withoutSecrets } from './channel-secrets.ts';
import { ANSWER_SHOWN, DELIVERY_LIMIT_MS, type Delivery, faulty } from './delivery.ts';
import type { Mail } from './formats/email.ts';

const SMTP_PORT = 587;
const SMTPS_PORT = 465;
/** A mail may take this long as a whole: a server that answers a bit at a time keeps below the limit of each answer. Many recipients on a slow server take a minute. */
const MAIL_LIMIT_MS = 120_000;

/** Holds a mail, and how to reach its server. */
interface Addressed {
  /** `smtp://user:password@host:port` or `smtps://`. */
  readonly server: string;
  /** True when the password may be sent without TLS to any host; without it, to loopback alone. */
  readonly allowPlain: boolean;
  readonly mail: Mail;
}

/**
 * Gives a mail to a server, within `limitMs`. Never rejects; an abort closes the connection at once. With `smtp://` TLS is used where it is offered; with a password it is demanded,
 * since whoever is on the way can take the offer out of the server's answer (RFC 3207 section 6). A mail that the server took for some of its recipients only counts as delivered: after a retry those would get it twice.
 */
export async function mailTo(
  { server, allowPlain, mail }: Addressed,
  secrets: readonly string[],
  signal: AbortSignal,
  limitMs = MAIL_LIMIT_MS,
): Promise<Delivery> {
  const { protocol, hostname, port, username, password } = new URL(server);
  const secure = protocol === 'smtps:';
  const host = hostname.replace(/^\[|\]$/g, '');
  const transport = createTransport({
    host,
    port: port === '' ? (secure ? SMTPS_PORT : SMTP_PORT) : Number(port),
    secure,
    requireTLS: username !== '' && !allowPlain && !isLoopback(host),
    tls: { rejectUnauthorized: true },
    ...(username === '' ? {} : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    connectionTimeout: DELIVERY_LIMIT_MS,
    greetingTimeout: DELIVERY_LIMIT_MS,
    socketTimeout: DELIVERY_LIMIT_MS,
    // A message never names files or addresses to fetch; nothing in it may make the mailer do so.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const limit = AbortSignal.timeout(limitMs);
  try {
    const { messageId, to, ...rest } = mail;
    await transport.sendMail({
      ...rest,
      to: [...to],
      messageId,
      headers: { 'Auto-Submitted': 'auto-generated' },
      // close() of a transport without a pool ends no connection.
      signal: AbortSignal.any([signal, limit]),
    });
    return { ok: true };
  } catch (error) {
    if (limit.aborted && !signal.aborted)
      return faulty(`mail server ${host}: the mail was not taken within ${limitMs / 1_000} s`);
    const { responseCode = 0, message, command } = error as Error & { responseCode?: number; command?: string };
    const shown = escapeText(withoutSecrets(message, secrets), ANSWER_SHOWN);
    if (command === 'STARTTLS' && username !== '')
      return faulty(
        `mail server ${host}: the password is not sent without TLS (${shown}); use smtps://, or set "allowPlain": true`,
      );
    return faulty(`mail server ${host}: ${shown}`, responseCode >= 500);
  }
}
