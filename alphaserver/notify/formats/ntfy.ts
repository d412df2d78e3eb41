/** ntfy (docs.ntfy.sh/publish): the body is text as it is; what stands in headers is our own words only. */
import { gravest, leftLine, lineOf, type Message, shownOf, titleOf } from '../message.ts';
import type { Post } from '../post.ts';

/** Above it ntfy makes an attachment of the body, in bytes. */
const BODY_LIMIT_BYTES = 4_096;
const PRIORITIES = { critical: '5', warning: '4', notice: '3' };
const TAGS = { critical: 'rotating_light', warning: 'warning', notice: 'information_source' };

/** As many lines as ntfy takes as text, and how many more there are; at least one. */
export function ntfyPost(url: string, token: string | null, message: Message, page: string | null): Post {
  const { lines, left } = shownOf(message);
  const rows = lines.map(lineOf);
  let more = left;
  const body = (): string => [...rows, ...(more > 0 ? [leftLine(more, page)] : [])].join('\n');
  while (rows.length > 1 && Buffer.byteLength(body()) > BODY_LIMIT_BYTES) {
    rows.pop();
    more += 1;
  }
  const severity = gravest(message);
  return {
    url,
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      title: titleOf(message),
      priority: PRIORITIES[severity],
      tags: TAGS[severity],
      ...(page === null ? {} : { click: page }),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
    body: body() || titleOf(message),
  };
}
