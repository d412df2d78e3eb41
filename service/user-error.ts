/** An error that its message explains to a person: a program prints the message and ends with the exit code, without a stack. */

/** 1: it could not be done. 2: wrong usage or settings. */
export type FailureCode = 1 | 2;

/** The message is one line for each thing that is wrong. */
export class UserError extends Error {
  readonly exitCode: FailureCode;
  constructor(message: string, exitCode: FailureCode = 1, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
