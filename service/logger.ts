/** Log lines, through pino. */
import { type DestinationStream, destination, pino } from 'pino';
import { escapeJsonText, escapeText } from './escape.ts';
import type { LOG_FORMATS, LOG_LEVELS } from './settings.ts';

/** Writes log lines. Fields show in the `json` format only. */
export interface Logger {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  /** Logs a fault that lost nothing. */
  warn(message: string, fields?: object): void;
  /** Logs lost data, or a fault that needs a person. */
  error(message: string, fields?: object): void;
}

/** The least level that is written, the form of a line, and the stream. */
export interface LoggerOptions {
  readonly level: (typeof LOG_LEVELS)[number];
  /** `plain`: the message alone, a line each. `json`: pino's own lines. */
  readonly format: (typeof LOG_FORMATS)[number];
  /** The stream that lines go to; standard output unless given. */
  readonly to?: { write(text: string): unknown };
}

/** Writes the message of each of pino's JSON lines, escaped so that it stays one line. */
function plain(to: { write(text: string): unknown }): DestinationStream {
  return { write: (line) => void to.write(`${escapeText((JSON.parse(line) as { msg?: string }).msg ?? '')}\n`) };
}

/** Writes pino's JSON lines with what a terminal would obey escaped: JSON itself lets U+009B and the like through. */
function json(to: { write(text: string): unknown }): DestinationStream {
  return { write: (line) => void to.write(`${escapeJsonText(line.trimEnd())}\n`) };
}

/** Bytes of lines that wait in memory while standard output cannot be written, at most. Newer ones are dropped then. */
export const WAITING_LIMIT_BYTES = 1_048_576;

/** The time after which lines that wait are tried again, also where nothing else is logged. */
const RETRY_MS = 1_000;

/**
 * Opens standard output. What cannot be written, as to a file on a full disk, waits until it can be. Once a pipe has no reader any more,
 * nothing is written.
 */
function standardOutput(): DestinationStream {
  const to = destination({ dest: 1, sync: true, maxLength: WAITING_LIMIT_BYTES });
  let isRetrying = false;
  // Without a listener the error is thrown, by the statement that logs.
  to.on('error', () => {
    if (isRetrying) return;
    isRetrying = true;
    setTimeout(() => {
      isRetrying = false;
      // An empty line writes those that wait, and is dropped itself by no limit.
      to.write('');
    }, RETRY_MS).unref();
  });
  return to;
}

/**
 * Creates a logger that writes synchronously: a line is out before the next statement runs, even if the process is then killed. To
 * standard output no line throws, whatever becomes of it.
 */
export function createLogger(options: LoggerOptions): Logger {
  const to = options.to ?? standardOutput();
  const log = pino({ level: options.level }, options.format === 'plain' ? plain(to) : json(to));
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: object = {}) =>
      log[level](fields, message);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
