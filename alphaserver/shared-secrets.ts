/** What the servers of a shared log must not make each for itself: the certificate authority, and the secret that signs sessions of the page. */
import { createHash } from 'node:crypto';
import type { Logger } from '../service/logger.ts';
import { Authority, authorityFolder } from './ingest/authority.ts';
import type { SecretLog } from './shared-log/shared-log.ts';
import { shareSecret } from './shared-log/shared-secrets.ts';
import { sessionSecret, writeSessionSecret } from './web/session-secret.ts';

/** The folder, and the log. */
export interface SharedSecretsOptions {
  /** The data folder. */
  readonly folder: string;
  readonly url: string;
  readonly shared: SecretLog;
  readonly log: Pick<Logger, 'warn' | 'info'>;
}

/** Makes both the same in the folder and in the log. Rejects with a StoreError while the log cannot be reached. */
export async function shareSecrets(options: SharedSecretsOptions): Promise<void> {
  const { folder, url, shared, log } = options;
  await shareAuthority(options);
  const session = {
    name: 'session',
    title: 'The secret that signs sessions of the page',
    read: () => {
      const secret = sessionSecret(folder);
      return { open: createHash('sha256').update(secret).digest('hex'), secret: secret.toString('base64') };
    },
    write: ({ secret }: { readonly secret: string }) => writeSessionSecret(folder, Buffer.from(secret, 'base64')),
    givesWay: true,
  };
  await shareSecret(session, url, shared, log);
}

/** Makes the authority of `certs init` the same in the folder and in the log. Rejects with a StoreError while the log cannot be reached. */
export async function shareAuthority({ folder, url, shared, log }: SharedSecretsOptions): Promise<void> {
  const authority = new Authority(authorityFolder(folder));
  const kind = {
    name: 'authority',
    title: 'The certificate authority',
    read: () => (authority.exists ? { open: authority.certificate(), secret: authority.key() } : null),
    write: ({ open, secret }: { readonly open: string; readonly secret: string }) => authority.adopt(open, secret),
    givesWay: false,
  };
  await shareSecret(kind, url, shared, log);
}
