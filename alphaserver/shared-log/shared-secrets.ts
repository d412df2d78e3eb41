/** Secrets that all servers of a log must have in common. The log keeps the first one that a server gives, sealed with the password of its address. */
import type { Logger } from '../../service/logger.ts';
import { serverUrls } from './postgres-url.ts';
import { seal, unseal } from './sealed.ts';
import type { SecretLog } from './shared-log.ts';

/** A secret in a server's folder. */
export interface LocalSecret {
  /** The parts of a secret that anybody may know: a certificate, a digest. */
  readonly open: string;
  readonly secret: string;
}

/** One secret: its name in the log and for people, and the two ways between folder and log. */
export interface SecretKind {
  readonly name: string;
  readonly title: string;
  /** Gives the folder's own; null where it has none. */
  readonly read: () => LocalSecret | null;
  /** Puts the log's into the folder. */
  readonly write: (secret: LocalSecret) => void;
  /** True where the folder's own gives way to another one in the log. */
  readonly givesWay: boolean;
}

/**
 * Makes a secret the same in the folder and in the log. Where it cannot, the folder's stays and the log says why. Rejects with a
 * StoreError while the log cannot be reached.
 */
export async function shareSecret(
  { name, title, read, write, givesWay }: SecretKind,
  url: string,
  shared: SecretLog,
  log: Pick<Logger, 'warn' | 'info'>,
): Promise<void> {
  const password = decodeURIComponent(new URL(serverUrls(url)?.[0] ?? url).password);
  const own = read();
  if (password === '') {
    if (own !== null) log.warn(`${title} is not shared: ALPHASERVER_STORE has no password to encrypt it with`);
    return;
  }
  const kept = (await shared.secret(name)) ?? (await put(null));
  if (kept === null) return;
  const opened = await unseal(kept.sealed, password, name);
  if (own?.open === kept.open) {
    // The password in the address is another one now: whoever comes later has that.
    if (opened === null && (await put(kept.open)) !== null) log.info(`${title} is sealed anew in the shared log`);
    return;
  }
  if (own !== null && !givesWay) log.warn(`${title} is another one here than in the shared log: it is not shared`);
  else if (opened === null)
    log.warn(
      `${title} is not shared: the shared log has it under another password; start a server first that has it in its folder`,
    );
  else write({ open: kept.open, secret: opened });

  async function put(replaces: string | null) {
    return own && shared.keepSecret(name, { open: own.open, sealed: await seal(own.secret, password, name) }, replaces);
  }
}
