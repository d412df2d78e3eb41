/** Renders messages as emails: text and HTML. */
import { cutMarked } from '../../detection/incident-summary.ts';
import {
  leftLine,
  lineOf,
  type Message,
  type Notification,
  pageOf,
  type ReportContent,
  shownOf,
  titleOf,
} from '../message.ts';

/** Holds a mail. Addresses come from the rules file; text from outside cannot end the subject or another header. */
export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** An id that is the same in each delivery, so that a mailbox can drop the second of two. */
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

/** Renders the message. Its id makes the email's, so that a second delivery can be recognised. */
export function emailOf(from: string, to: readonly string[], message: Message, page: string | null): Mail {
  const messageId = `<${message.id}@asgard.invalid>`;
  const title = titleOf(message);
  if (message.report)
    return { from, to, subject: title.slice(0, SUBJECT_LIMIT), ...bodiesOf(message.report, page), messageId };
  const { shown, left } = shownOf(message);
  const [only] = shown;
  const subject = shown.length === 1 && left === 0 && only ? `Asgard: ${lineOf(only)}` : title;
  const link = ({ incident }: Notification): string | null => pageOf(incident, page);
  const rows = shown.map((one) => `${lineOf(one)}${link(one) === null ? '' : `\n    ${link(one)}`}`);
  const items = shown.map((one) => {
    const url = link(one);
    const line = escaped(lineOf(one));
    return `<li>${url === null ? line : `${line} <a href="${escaped(url)}">What happened</a>`}</li>`;
  });
  const rest = left > 0 ? [leftLine(left, page)] : [];
  return {
    from,
    to,
    subject: cutMarked(subject, SUBJECT_LIMIT),
    text: `${[title, '', ...rows, ...rest].join('\n')}\n`,
    html: `<p><strong>${escaped(title)}</strong></p><ul>${items.join('')}</ul>${rest.map((line) => `<p>${escaped(line)}</p>`).join('')}`,
    messageId,
  };
}

/** Writes a report: its answer as paragraphs, its tables in a font of fixed width. */
function bodiesOf({ lines, tables }: ReportContent, page: string | null): Pick<Mail, 'text' | 'html'> {
  const link = page === null ? [] : [page];
  const html = [
    ...lines.map((line, i) => `<p>${i === 0 ? `<strong>${escaped(line)}</strong>` : escaped(line)}</p>`),
    ...link.map((url) => `<p><a href="${escaped(url)}">${escaped(url)}</a></p>`),
    ...(tables === '' ? [] : [`<pre>${escaped(tables)}</pre>`]),
  ];
  return { text: `${[...lines, ...link, '', tables].join('\n').trimEnd()}\n`, html: html.join('') };
}
