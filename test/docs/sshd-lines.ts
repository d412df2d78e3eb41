/** Writes docs/sshd-lines.md from the table of messages: `npm run docs`. A test checks that it is current. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MessageRow } from '../../alphaclient/sshd/message-types.ts';
import { ACCOUNTS, DECISIONS, KEYS, PAM } from '../../alphaclient/sshd/messages/authentication.ts';
import { ENDS, NEGOTIATION, REFUSALS, SCANNERS, SESSION_ENDS } from '../../alphaclient/sshd/messages/connections.ts';
import { IGNORED, REPETITIONS } from '../../alphaclient/sshd/messages/ignored.ts';

/** Path of the page. */
export const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'sshd-lines.md');

const INTRODUCTION = `# The messages of sshd that are read

Made by \`npm run docs\` from the table in \`alphaclient/sshd/messages/\`; change it there. \`alphaclient explain LINE\` shows which row
knows a line, and what becomes of it. CONTRIBUTING.md says how to add a message.

A message stands here as its template. What is in brackets may be missing (\`[[\` is a bracket of the message), what is in braces is a hole:

| hole | what stands there |
| --- | --- |
| \`{user}\` | the name that the client sent, up to what sshd wrote behind it; a name has no colon. sshd's escapes are undone (\`CORP\\\\kim\`, \`m\\303\\274ller\`), but for those of control characters and of bytes that are no UTF-8 |
| \`{peer}\` | \`ADDR[ port PORT]\`; in place of the address a host's name, or \`UNKNOWN\` |
| \`{client}\` | \`[authenticating user USER \\|invalid user USER \\|user USER ]ADDR[ port PORT]\`, since 7.5; \`user USER\` is a session's |
| \`{host}\`, \`{address}\`, \`{port}\` | one of these alone |
| \`{method}\`, \`{protocol}\` | \`password\`, \`keyboard-interactive/pam\`, ...; \`ssh2\` |
| \`{reason}\`, \`{detail}\` | what becomes the event's reason; of an attempt by key, the key |
| \`{count}\`, \`{pid}\` | how many times; the process of the connection |
| \`{number}\`, \`{word}\`, \`{text}\`, \`{rest}\` | what is not read: digits, one word, any text, all that is left |

Every row reads its message with and without \`error: \` or \`fatal: \` before it and \` [preauth]\` behind it, behind every header of
\`log-headers.md\`: of syslogs, the journal, containers, log shippers, Windows, or none at all (\`sshd -E\`).

A message that syslog cut at 500 bytes is read by what is left of it: an address whose end may be missing is not.
\`message repeated N times: [ ... ]\` and \`last message repeated N times\` (\`buffered\`; from syslogd or under a tag, with or without pid, in
RFC 5424 too) count N times, at most 100,000; another spelling behind a decision counts as unknown.

An **attempt** is one decision of sshd; a **probe** is a connection that ended without one. Several lines about one attempt are
one event. Evidence of a decision whose own line never comes is one failed attempt when the connection ends, or after ten minutes
without a line.
`;

const UNKNOWABLE = `## What a log does not say

Where nothing else was logged of a connection (at INFO: a valid user, or none, and no password tried), old versions end it in a line
that may as well be the end of a session. It becomes no event, not a probe:

- up to 5.8, which has no \`[preauth]\`: \`Connection closed by ADDR\`, \`Received disconnect from ADDR: 11: TEXT\`;
- up to 6.7, a \`Received disconnect\` so long that syslog cut the \`[preauth]\` off, up to 7.1 one so long that \`sshd -E\` did.

At VERBOSE \`Connection from\` shows both. Up to 5.8 a client that ends its name or its last text in \`[preauth]\` may make one probe too many.
`;

function section(title: string, text: string, rows: readonly MessageRow[]): string {
  const entries = rows.map(
    (row) =>
      `### ${row.name}\n\n\`${row.template}\`\n\n- OpenSSH: ${row.versions}\n- means: ${row.meaning}\n\n\`\`\`\n${row.example}\n\`\`\`\n`,
  );
  return `## ${title}\n\n${text}\n\n${entries.join('\n')}`;
}

/** Returns the page's text. */
export function page(): string {
  const ignored = IGNORED.map((row) => row.example).join('\n');
  return [
    INTRODUCTION,
    section('Decisions', 'Emitted when the line is read.', DECISIONS),
    section('Accounts and keys', 'What sshd says of who was asked for, and of what it will refuse.', [
      ...ACCOUNTS,
      ...KEYS,
    ]),
    section('Ends of connections', 'They close what was open; without a decision it becomes a probe.', [
      ...ENDS,
      ...SESSION_ENDS,
    ]),
    section('Scanners and other protocols', 'Connections that never come to a key exchange.', SCANNERS),
    section('Key exchange and packets', 'Connections that break in it.', NEGOTIATION),
    section('Refusals', 'Connections that sshd cuts off itself.', REFUSALS),
    section('PAM', "Not sshd's words, though under its name.", PAM),
    section('Repetitions', "A syslog's words, under sshd's name.", REPETITIONS),
    `## Known, and nothing about an attempt\n\nAn example of each; other programs' lines and these are all that does not count as unknown.\n\n\`\`\`\n${ignored}\n\`\`\`\n`,
    UNKNOWABLE,
  ].join('\n');
}

if (import.meta.main) writeFileSync(PAGE, page());
