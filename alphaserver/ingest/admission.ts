/** Which agents may come in, and whether those that are in may stay. */
import type { ErrorCode, Hello } from '../../protocol/messages.ts';
import type { Logger } from '../../service/logger.ts';
import type { Tokens } from './tokens.ts';

/** What admits an agent: a key to ask again with, or why it is refused. */
export type Admitted = { readonly key: string } | { readonly refused: readonly [ErrorCode, string] };

/** Decides over hellos. None of its functions throws. */
export interface Admission {
  admit(hello: Hello): Admitted;
  /** True where what `admits` says may have changed since the last call. */
  changed(): boolean;
  /** True while a key that `admit` gave is good. */
  admits(key: string): boolean;
}

/** Lets every agent in. */
export const ANONYMOUS: Admission = { admit: () => ({ key: '' }), changed: () => false, admits: () => true };

/** Lets agents in that have a token. While the file of tokens cannot be read, nobody new comes in and nobody is sent away. */
export class TokenAdmission implements Admission {
  readonly #tokens: Tokens;
  readonly #log: Pick<Logger, 'error'>;
  #fault: string | null = null;

  constructor(tokens: Tokens, log: Pick<Logger, 'error'>) {
    this.#tokens = tokens;
    this.#log = log;
  }

  admit({ token }: Hello): Admitted {
    this.changed();
    if (this.#fault !== null) return { refused: ['busy', 'the tokens cannot be read'] };
    const key = this.#tokens.hashOf(token);
    return key === null ? { refused: ['unauthorized', 'the token is not valid'] } : { key };
  }

  changed(): boolean {
    try {
      const changed = this.#tokens.refresh();
      this.#fault = null;
      return changed;
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error);
      if (fault !== this.#fault) this.#log.error(`Tokens cannot be read, nobody new is let in: ${fault}`);
      this.#fault = fault;
      return false;
    }
  }

  admits(key: string): boolean {
    return this.#tokens.isValid(key);
  }
}
