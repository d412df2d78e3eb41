/** Renders messages for Discord's webhooks: every character that could be markup is escaped, and nobody is mentioned whatever a text says. */
import { gravest, leftLine, lineOf, type Message, pageOf, shownOf, titleOf } from '../message.ts';
import { jsonPost, type Post } from '../post.ts';

/** Discord's bound on an embed's description, in characters, less room for the last line. */
const DESCRIPTION_LIMIT = 4_096 - 200;
const COLOURS = { critical: 0xb3261e, warning: 0xb26a00, notice: 0x3b6ea5 };

/** Puts a backslash before every ASCII character that could be markup: Discord shows the character itself, and `https:` is no link then. */
const escaped = (text: string): string => text.replace(/[!-+:-@[-`{-~/]/g, '\\$&');

/** Renders one embed with as many lines as fit, and how many more there are (discord.com/developers, Execute Webhook). */
export function discordPost(url: string, message: Message, page: string | null): Post {
  const { shown, left } = shownOf(message);
  const all = [
    ...(message.report?.lines ?? []).map(escaped),
    ...shown.map((notification) => {
      const link = pageOf(notification.incident, page);
      return `${escaped(lineOf(notification))}${link === null ? '' : ` [look](${link})`}`;
    }),
  ];
  const rows: string[] = [];
  let length = 0;
  for (const row of all) {
    if (length + row.length + 1 > DESCRIPTION_LIMIT) break;
    length += row.length + 1;
    rows.push(row);
  }
  const more = left + all.length - rows.length;
  if (more > 0) rows.push(leftLine(more, page));
  return jsonPost(url, {
    allowed_mentions: { parse: [] },
    embeds: [{ title: titleOf(message), description: rows.join('\n'), color: COLOURS[gravest(message)] }],
  });
}
