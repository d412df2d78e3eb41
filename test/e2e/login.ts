/** Logging in over SSH as a person does, with the machine's own ssh. */
import { outcome } from './machine.ts';

const options = [
  'StrictHostKeyChecking=no',
  'UserKnownHostsFile=/dev/null',
  'LogLevel=ERROR',
  'ConnectTimeout=20',
  // One password, one attempt.
  'NumberOfPasswordPrompts=1',
].flatMap((option) => ['-o', option]);

/** One attempt by password. True when sshd let us in; false when it refused; throws when it could not be asked. */
export function byPassword(address: string, user: string, password: string, port = 22): boolean {
  const only = ['-o', 'PreferredAuthentications=password', '-o', 'PubkeyAuthentication=no'];
  const ssh = ['ssh', '-F', 'none', ...options, ...only, '-p', String(port), '-l', user, address, 'true'];
  const { status, stderr } = outcome('sshpass', ['-p', password, ...ssh]);
  // 5 is sshpass's word for a refused password, 255 ssh's for what else went wrong.
  if (status === 0) return true;
  if (status === 5 || /Permission denied/.test(stderr)) return false;
  throw new Error(`ssh ${user}@${address} ended with ${status}: ${stderr}`);
}

/** One attempt by key. As `byPassword`. */
export function byKey(address: string, user: string, keyFile: string, port = 22): boolean {
  const only = ['-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes', '-i', keyFile];
  const { status, stderr } = outcome('ssh', [
    '-F',
    'none',
    ...options,
    ...only,
    '-p',
    String(port),
    '-l',
    user,
    address,
    'true',
  ]);
  if (status === 0) return true;
  if (/Permission denied/.test(stderr)) return false;
  throw new Error(`ssh ${user}@${address} ended with ${status}: ${stderr}`);
}
