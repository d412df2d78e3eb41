/** Delivery by email. The only file that imports nodemailer. */
import { createTransport } from 'nodemailer';
import { escapeText } from '../../service/escape.ts';
import { ANSWER_SHOWN, DELIVERY_LIMIT_MS, type Delivery, faulty } from './delivery.ts';
import type { Mail } from './formats/email.ts';

const SMTP_PORT = 587;
const SMTPS_PORT = 465;

/**
 * Gives a mail to a server, `smtp://user:password@host:port` (TLS where it is offered) or `smtps://`. Never rejects.
 * A mail that the server took for some of its recipients only counts as delivered: after a retry those would get it twice.
 */
export async function mailTo(server: string, mail: Mail, signal: AbortSignal): Promise<Delivery> {
  const { protocol, hostname, port, username, password } = new URL(server);
  const secure = protocol === 'smtps:';
  const host = hostname.replace(/^\[|\]$/g, '');
  const transport = createTransport({
    host,
    port: port === '' ? (secure ? SMTPS_PORT : SMTP_PORT) : Number(port),
    secure,
    ...(username === '' ? {} : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    connectionTimeout: DELIVERY_LIMIT_MS,
    greetingTimeout: DELIVERY_LIMIT_MS,
    socketTimeout: DELIVERY_LIMIT_MS,
    // A message never names files or addresses to fetch; nothing in it may make the mailer do so.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const end = (): void => transport.close();
  signal.addEventListener('abort', end);
  try {
    const { messageId, to, ...rest } = mail;
    await transport.sendMail({ ...rest, to: [...to], messageId, headers: { 'Auto-Submitted': 'auto-generated' } });
    return { ok: true };
  } catch (error) {
    const { responseCode = 0, message } = error as Error & { responseCode?: number };
    return faulty(`mail server ${host}: ${escapeText(message, ANSWER_SHOWN)}`, responseCode >= 500);
  } finally {
    signal.removeEventListener('abort', end);
    transport.close();
  }
}
