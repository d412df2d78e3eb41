/** An email about incidents, as text and as HTML. */
import { leftLine, lineOf, type Message, pageOf, shownOf, titleOf } from '../message.ts';

/** What a mailer is given. Addresses come from the rules file; the rest holds no header that text from outside could end. */
export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** The same at each try, so that a mailbox can drop the second of two. */
  readonly messageId: string;
}

/** The longest subject, in characters: more than a phone shows. */
const SUBJECT_LIMIT = 150;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? '');

/** The message’s id is the email’s: one that is delivered twice is known again. */
export function emailOf(from: string, to: readonly string[], message: Message, page: string | null): Mail {
  const { lines, left } = shownOf(message);
  const [only] = lines;
  const title = titleOf(message);
  const subject = lines.length === 1 && left === 0 && only ? `Asgard: ${lineOf(only)}` : title;
  const link = (told: (typeof lines)[number]): string | null => pageOf(told.incident, page);
  const rows = lines.map((told) => `${lineOf(told)}${link(told) === null ? '' : `\n    ${link(told)}`}`);
  const items = lines.map((told) => {
    const url = link(told);
    const line = escaped(lineOf(told));
    return `<li>${url === null ? line : `${line} <a href="${escaped(url)}">What happened</a>`}</li>`;
  });
  const rest = left > 0 ? [leftLine(left, page)] : [];
  return {
    from,
    to,
    subject: subject.slice(0, SUBJECT_LIMIT),
    text: `${[title, '', ...rows, ...rest].join('\n')}\n`,
    html: `<p><strong>${escaped(title)}</strong></p><ul>${items.join('')}</ul>${rest.map((line) => `<p>${escaped(line)}</p>`).join('')}`,
    messageId: `<${message.id}@asgard.invalid>`,
  };
}
