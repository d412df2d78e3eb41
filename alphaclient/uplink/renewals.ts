/** Renews the agent's certificate over its connections: asks once on each, and tries again where that fails. */
import type { Logger } from '../../service/logger.ts';

/** A certificate that a server renews over the agent's own connection. */
export interface Renewal {
  /** Returns a request in PEM once it is time, else null. */
  request(nowMs: number): Promise<string | null>;
  /** Takes the certificate that came for the last request. Returns why it never fits, or null; throws where it cannot be kept now. */
  take(certificate: string): string | null;
}

/** The renewals of one agent, for its whole life. */
export class Renewals {
  readonly #renewal: Renewal;
  readonly #log: Pick<Logger, 'warn'>;
  /** Sends a request on this connection; null where its server renews none, or was asked: it takes one request on a connection. */
  #send: ((csr: string) => void) | null = null;
  #connections = 0;
  /** True once this connection brought a certificate that does not fit. */
  #hasMisfit = false;
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
    this.#hasMisfit = false;
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
      const misfit = this.#renewal.take(certificate);
      if (misfit !== null) this.#reportMisfit(misfit);
    } catch (error) {
      this.#untaken = certificate;
      const why = error instanceof Error ? error.message : error;
      this.#log.warn(`The certificate is not renewed: ${why}; trying again in an hour`);
    }
  }

  /** Reports a certificate that no later try makes fit: the next connection asks for another one. */
  #reportMisfit(why: string): void {
    if (this.#hasMisfit) return;
    this.#hasMisfit = true;
    this.#log.warn(
      `The certificate is not renewed: ${why}; the next connection asks for another one, and where that is no better, alphaclient join with a new code gets one`,
    );
  }
}
