/** As much of a machine of its own as an sshd needs: accounts, PAM, journald, rsyslogd. Needs root; touches nothing of this one. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { has, works } from '../e2e/machine.ts';
import { until } from '../until.ts';

/** The programs that it needs, for `lacking`. */
export function hostNeeds(): Record<string, boolean> {
  return {
    root: process.getuid?.() === 0,
    sshd: has('sshd'),
    rsyslogd: has('rsyslogd'),
    openssl: has('openssl'),
    journalctl: has('journalctl'),
    namespaces: works('unshare', '--mount', '--uts', '--net', 'true'),
  };
}

/** The forms in which it writes the same lines, and the ending of their files. */
export const FORMS = ['rfc3164', 'iso', 'rfc5424'] as const;

/** Accounts of the host: these passwords are right. `gone` is an expired account. */
export const RIGHT = 'right';

export class Host {
  readonly folder = mkdtempSync(join(tmpdir(), 'host-'));

  /** The command in front of a program, so that it runs on the host. */
  get within(): string[] {
    return ['unshare', '--mount', '--uts', 'sh', join(import.meta.dirname, 'host.sh'), this.folder];
  }

  /** The log of sshd in this form. */
  logFile(form: (typeof FORMS)[number]): string {
    return join(this.folder, 'log', `${form}.log`);
  }

  /** journalctl over its journal. */
  get journalctl(): string[] {
    return ['journalctl', `--directory=${join(this.folder, 'journal')}`];
  }

  /** Waits until all three files have the line that sshd ends with. */
  async written(): Promise<void> {
    for (const form of FORMS)
      await until(() => readFileSync(this.logFile(form), 'latin1').includes('Received signal 15; terminating.'));
  }

  /** Ends journald and rsyslogd, which the files outlive. */
  stop(): void {
    for (const name of ['journald', 'rsyslogd']) {
      try {
        process.kill(Number(readFileSync(join(this.folder, `${name}.pid`), 'utf8')));
      } catch {
        // Never started, or ended already.
      }
    }
  }

  /** Ends all, and removes its folder. */
  remove(): void {
    this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
