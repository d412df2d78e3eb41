/** Renders messages for Microsoft Teams' workflows: an Adaptive Card whose lines are text runs, which have no markup (adaptivecards.io, TextRun). */
import { gravest, leftLine, lineOf, type Message, pageOf, shownOf, titleOf } from '../message.ts';
import { jsonPost, type Post } from '../post.ts';

const COLOURS = { critical: 'attention', warning: 'warning', notice: 'default' };

const row = (text: string, link: string | null): unknown => ({
  type: 'RichTextBlock',
  inlines: [
    {
      type: 'TextRun',
      text,
      ...(link === null ? {} : { selectAction: { type: 'Action.OpenUrl', url: link } }),
    },
  ],
});

/** Renders one card with a row for each notification that is shown, and how many more there are. */
export function teamsPost(url: string, message: Message, page: string | null): Post {
  const { shown, left } = shownOf(message);
  const title = {
    type: 'RichTextBlock',
    inlines: [{ type: 'TextRun', text: titleOf(message), weight: 'bolder', color: COLOURS[gravest(message)] }],
  };
  return jsonPost(url, {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [
            title,
            ...(message.report?.lines ?? []).map((line, i) => row(line, i === 0 ? page : null)),
            ...shown.map((one) => row(lineOf(one), pageOf(one.incident, page))),
            ...(left > 0 ? [row(leftLine(left, page), page)] : []),
          ],
        },
      },
    ],
  });
}
