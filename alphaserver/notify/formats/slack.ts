/** Renders messages for Slack's incoming webhooks: text from outside is in `plain_text` only, which has no mentions, links or markup. */
import { cutMarked } from '../../detection/incident-summary.ts';
import { leftLine, lineOf, type Message, pageOf, shownOf, titleOf } from '../message.ts';
import { jsonPost, type Post } from '../post.ts';

/** Slack's bound on the text of a section, in characters. */
const SECTION_LIMIT = 3_000;

/** Escapes `&`, `<` and `>` (api.slack.com, formatting text): nothing else starts a link or a mention. */
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const plain = (text: string): unknown => ({ type: 'plain_text', text: cutMarked(text, SECTION_LIMIT), emoji: false });

/** Renders a section for each notification that is shown, and how many more there are. */
export function slackPost(url: string, message: Message, page: string | null): Post {
  const { shown, left } = shownOf(message);
  const title = titleOf(message);
  const report = (message.report?.lines ?? []).map((line) => ({ type: 'section', text: plain(line) }));
  const blocks = shown.map((notification, i) => {
    const link = pageOf(notification.incident, page);
    const section = { type: 'section', text: plain(lineOf(notification)) };
    return link === null
      ? section
      : { ...section, accessory: { type: 'button', text: plain('Look'), url: link, action_id: `look-${i}` } };
  });
  const rest = left > 0 ? [{ type: 'context', elements: [plain(leftLine(left, page))] }] : [];
  return jsonPost(url, {
    // The text of a desktop notification, which has no blocks.
    text: escaped(title),
    blocks: [{ type: 'header', text: plain(title) }, ...report, ...blocks, ...rest],
  });
}
