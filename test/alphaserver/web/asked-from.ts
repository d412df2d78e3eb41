/** Asks a server on loopback from one of loopback's addresses: those are different owners to it. */
import { get, type IncomingMessage } from 'node:http';

/** Resolves with the head of an answer, of which nothing was read yet; its connection is its own. */
export function askedFrom(
  localAddress: string,
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<IncomingMessage> {
  return new Promise((done, failed) => {
    get(url, { localAddress, headers, agent: false }, done).on('error', failed);
  });
}

/** Reads an answer to its end; resolves with its status. */
export async function statusFrom(...asked: Parameters<typeof askedFrom>): Promise<number | undefined> {
  const answer = await askedFrom(...asked);
  for await (const _ of answer);
  return answer.statusCode;
}
