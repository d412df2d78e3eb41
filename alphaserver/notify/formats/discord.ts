/** Discord's webhooks: every sign that could be markup is escaped, and nobody is mentioned whatever a text says. */
import { gravest, leftLine, lineOf, type Message, pageOf, shownOf, titleOf } from '../message.ts';
import { jsonPost, type Post } from '../post.ts';

/** Discord's bound on an embed's description, in characters, less room for the last line. */
const DESCRIPTION_LIMIT = 4_096 - 200;
const COLOURS = { critical: 0xb3261e, warning: 0xb26a00, notice: 0x3b6ea5 };

/** Every ASCII sign but the harmless ones behind a backslash: Discord shows the sign itself, also of `https:`, which is no link then. */
const escaped = (text: string): string => text.replace(/[!-+:-@[-`{-~/]/g, '\\$&');

/** One embed with as many lines as fit, and how many more there are (discord.com/developers, Execute Webhook). */
export function discordPost(url: string, message: Message, page: string | null): Post {
  const { lines, left } = shownOf(message);
  const rows: string[] = [];
  let length = 0;
  for (const told of lines) {
    const link = pageOf(told.incident, page);
    const row = `${escaped(lineOf(told))}${link === null ? '' : ` [look](${link})`}`;
    if (length + row.length + 1 > DESCRIPTION_LIMIT) break;
    length += row.length + 1;
    rows.push(row);
  }
  const more = left + lines.length - rows.length;
  if (more > 0) rows.push(leftLine(more, page));
  return jsonPost(url, {
    allowed_mentions: { parse: [] },
    embeds: [{ title: titleOf(message), description: rows.join('\n'), color: COLOURS[gravest(message)] }],
  });
}
