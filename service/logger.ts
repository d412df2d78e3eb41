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

/** Creates a logger that writes synchronously: a line is out before the next statement runs, even if the process is then killed. */
export function createLogger(options: LoggerOptions): Logger {
  const to = options.to ?? destination({ dest: 1, sync: true });
  const log = pino({ level: options.level }, options.format === 'plain' ? plain(to) : json(to));
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: object = {}) =>
      log[level](fields, message);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
