/** Readiness and watchdog for systemd, through `systemd-notify`: Node has no datagram sockets of the unix kind. */
import { spawn } from 'node:child_process';

/** A program is started for each keep-alive, so they are as rare as systemd advises: two within its limit. */
const KEEP_ALIVES_PER_LIMIT = 2;
const MICROSECONDS_PER_MS = 1_000;

/** Says to systemd what this process is about; does nothing where systemd did not start it. */
export interface Supervisor {
  /** Says that the service is ready, and keeps the watchdog quiet from now on, as long as the event loop turns. */
  ready(): void;
  /** Says that the service stops by its own will. */
  stopping(): void;
}

/** Gives the supervisor that `NOTIFY_SOCKET` and `WATCHDOG_USEC` in the environment ask for: sd_notify(3), sd_watchdog_enabled(3). */
export function supervisor(environment: NodeJS.ProcessEnv): Supervisor {
  if (!environment['NOTIFY_SOCKET']) return { ready: () => {}, stopping: () => {} };
  const limitMs = Number(environment['WATCHDOG_USEC'] ?? 0) / MICROSECONDS_PER_MS;
  return {
    ready: () => {
      notify('--ready');
      if (limitMs > 0) setInterval(() => notify('WATCHDOG=1'), limitMs / KEEP_ALIVES_PER_LIMIT).unref();
    },
    stopping: () => notify('STOPPING=1'),
  };
}

/** Starts `systemd-notify`. Where it cannot be started, systemd's own limit of the start or its watchdog takes effect. */
function notify(word: string): void {
  spawn('systemd-notify', [word], { stdio: 'ignore' })
    .once('error', () => {})
    .unref();
}
