/** Ends a process on a signal, in order, within a bound. */

/** The signals that end a process. */
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * Runs `stop` once, on the first SIGTERM or SIGINT, or when a launcher that started this process over an IPC channel was killed, then
 * ends the process: 0 when it resolved, 1 when it rejected or took longer than `limitMs`. A second signal during it changes nothing:
 * Ctrl-C in a terminal often comes twice.
 */
export function onShutdown(stop: () => Promise<void>, limitMs: number, log: { error(message: string): void }): void {
  let stopping = false;
  const end = (): void => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => {
      log.error(`Still not stopped after ${limitMs} ms: giving up`);
      process.exit(1);
    }, limitMs).unref();
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error(`Could not stop cleanly: ${error instanceof Error ? error.message : String(error)}`);
        process.exit(1);
      },
    );
  };
  for (const signal of SIGNALS) process.on(signal, end);
  if (process.connected) process.once('disconnect', end);
}
