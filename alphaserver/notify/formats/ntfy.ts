/** Renders messages for ntfy (docs.ntfy.sh/publish): text from outside is in the body, which is plain text, and never in a header. */
import { gravest, leftLine, lineOf, type Message, shownOf, titleOf } from '../message.ts';
import type { Post } from '../post.ts';

/** ntfy turns a larger body into an attachment. */
const BODY_LIMIT_BYTES = 4_096;
const PRIORITIES = { critical: '5', warning: '4', notice: '3' };
const TAGS = { critical: 'rotating_light', warning: 'warning', notice: 'information_source' };

/** Renders as many lines as ntfy takes as text, at least one, and how many more there are. */
export function ntfyPost(url: string, token: string | null, message: Message, page: string | null): Post {
  const { shown, left } = shownOf(message);
  const rows = [...(message.report?.lines ?? []), ...shown.map(lineOf)];
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
