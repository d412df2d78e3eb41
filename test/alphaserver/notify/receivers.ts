/** Real servers on loopback that take messages: HTTP and SMTP, made to fail as real ones do. */
import { once } from 'node:events';
import { createServer as createHttp, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net';

/** The answer to the next request; `null` leaves it without an answer. */
export interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Takes requests and keeps them; answers as `answers` says, in turn, then 200. */
export class HttpReceiver {
  readonly received: Received[] = [];
  readonly answers: (Answer | null)[] = [];
  readonly #server = createHttp((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (piece: string) => {
      body += piece;
    });
    request.on('end', () => {
      this.received.push({ path: request.url ?? '', headers: request.headers, body });
      const answer = this.answers.length > 0 ? this.answers.shift() : { status: 200 };
      if (answer) response.writeHead(answer.status, answer.headers).end(answer.body ?? '');
    });
  });

  async open(port = 0): Promise<this> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/**
 * A mail server in a few lines (RFC 5321): takes mails and keeps them; refuses MAIL as `refusals` says, in turn. It asks for a
 * password (RFC 4954) where `asks` is set, and has no TLS.
 */
export class SmtpReceiver {
  readonly mails: { readonly to: readonly string[]; readonly data: string }[] = [];
  readonly refusals: string[] = [];
  /** All that clients have sent. */
  heard = '';
  asks = false;
  /** What EHLO gets: an answer, none, or an answer without an end, line by line, as of a tarpit. */
  greets: 'well' | 'never' | 'endlessly' = 'well';
  readonly #sockets = new Set<Socket>();
  readonly #server = createTcp((socket) => this.#serve(socket));

  async open(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `smtp://127.0.0.1:${this.port}`;
  }

  /** The number of clients that are connected. */
  get connections(): number {
    return this.#sockets.size;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    let text = '';
    let to: string[] = [];
    let inData = false;
    const say = (line: string): void => void socket.write(`${line}\r\n`);
    say('220 mail.example');
    const command = (line: string): void => {
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === 'EHLO' && this.greets !== 'well') {
        const lines = setInterval(() => this.greets === 'endlessly' && say('250-mail.example'), 10);
        socket.once('close', () => clearInterval(lines));
      } else if (verb === 'EHLO') say(this.asks ? '250-mail.example\r\n250 AUTH PLAIN' : '250 mail.example');
      else if (verb === 'AUTH') say(`535 not you: ${line}`);
      else if (verb === 'STAR') say('502 not here');
      else if (verb === 'MAIL') say(this.refusals.shift() ?? '250 fine');
      else if (verb === 'RCPT') {
        to.push(line.slice(8));
        say('250 fine');
      } else if (verb === 'DATA') {
        inData = true;
        say('354 go on');
      } else if (verb === 'QUIT') socket.end('221 bye\r\n');
      else say('250 fine');
    };
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      this.heard += piece;
      for (;;) {
        const end = inData ? text.indexOf('\r\n.\r\n') : text.indexOf('\r\n');
        if (end < 0) return;
        const taken = text.slice(0, end);
        text = text.slice(end + (inData ? 5 : 2));
        if (inData) {
          this.mails.push({ to, data: taken });
          to = [];
          inData = false;
          say('250 kept');
        } else command(taken);
      }
    });
  }
}
