/** Makes the HTTP request of a message. */
export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Returns a request with a JSON body. */
export function jsonPost(url: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Post {
  return { url, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}
