/** Renews the agent's certificate over its connections: asks once on each, and tries again where that fails. */
import type { Logger } from '../../service/logger.ts';

/** A certificate that a server renews over the agent's own connection. */
export interface Renewal {
  /** Returns a request in PEM once it is time, else null. */
  request(nowMs: number): Promise<string | null>;
  /** Takes the certificate that came for the last request. Throws where it does not fit or cannot be kept; it may be called again. */
  take(certificate: string): void;
}

/** The renewals of one agent, for its whole life. */
export class Renewals {
  readonly #renewal: Renewal;
  readonly #log: Pick<Logger, 'warn'>;
  /** Sends a request on this connection; null where its server renews none, or was asked: it takes one request on a connection. */
  #send: ((csr: string) => void) | null = null;
  #connections = 0;
  /** The certificate that came for the last request and could not be kept. */
  #untaken: string | null = null;

  constructor(renewal: Renewal, log: Pick<Logger, 'warn'>) {
    this.#renewal = renewal;
    this.#log = log;
  }

  /** Begins a connection. `send` sends a request on it; null where its server renews no certificates. */
  begin(send: ((csr: string) => void) | null): void {
    this.#send = send;
    this.#connections += 1;
  }

  /** Asks for the next certificate once it is time; called every hour. One that came and could not be kept is taken first. */
  look(nowMs: number): void {
    if (this.#untaken !== null) this.take(this.#untaken);
    const send = this.#send;
    if (send === null) return;
    const connection = this.#connections;
    this.#send = null;
    // Nothing was asked on this connection. A later one has its own `send`.
    const askLater = (): void => {
      if (connection === this.#connections) this.#send = send;
    };
    this.#renewal.request(nowMs).then(
      (csr) => {
        if (csr === null) {
          askLater();
          return;
        }
        // What came before is for another key.
        this.#untaken = null;
        send(csr);
      },
      (error: Error) => {
        askLater();
        this.#log.warn(`The certificate cannot be renewed: ${error.message}; trying again in an hour`);
      },
    );
  }

  /** Takes the certificate that a server sent. */
  take(certificate: string): void {
    this.#untaken = null;
    try {
      this.#renewal.take(certificate);
    } catch (error) {
      this.#untaken = certificate;
      const why = error instanceof Error ? error.message : error;
      this.#log.warn(`The certificate is not renewed: ${why}; trying again in an hour`);
    }
  }
}
