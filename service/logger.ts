/** Log lines, through pino. */
import { type DestinationStream, destination, pino } from 'pino';

/** What the rooms see of a logger. Fields show in the `json` format only. */
export interface Logger {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  /** Something is wrong, nothing was lost. */
  warn(message: string, fields?: object): void;
  /** Data was lost, or a person is needed. */
  error(message: string, fields?: object): void;
}

/** What LOG_LEVEL and LOG_FORMAT may be. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export const LOG_FORMATS = ['plain', 'json'] as const;

/** What is logged, how, and where to. */
export interface LoggerOptions {
  readonly level: (typeof LOG_LEVELS)[number];
  /** `plain`: the message alone, a line each. `json`: pino's own lines. */
  readonly format: (typeof LOG_FORMATS)[number];
  /** Where lines go; standard output unless given. */
  readonly to?: { write(text: string): unknown };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal.
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** A text with every character that could forge a line or steer a terminal written as `\u` and four digits. */
export function printable(text: string): string {
  return text.replace(CONTROLS, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** pino's line is JSON; what stands in the message alone is written, and nothing in it can make a second line. */
function plain(to: { write(text: string): unknown }): DestinationStream {
  return { write: (line) => void to.write(`${printable((JSON.parse(line) as { msg?: string }).msg ?? '')}\n`) };
}

/** A logger that writes at once: a line that was logged is out before the next statement runs, even if the process is then killed. */
export function createLogger(options: LoggerOptions): Logger {
  const to = options.to ?? destination({ dest: 1, sync: true });
  const log = pino({ level: options.level }, options.format === 'plain' ? plain(to) : (to as DestinationStream));
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: object = {}) =>
      log[level](fields, message);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
