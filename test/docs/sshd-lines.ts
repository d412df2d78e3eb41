/** Writes docs/sshd-lines.md from the grammar's table: `npm run docs`. A test checks that it is current. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACCOUNTS } from '../../alphaclient/sshd/accounts.ts';
import { DECISIONS } from '../../alphaclient/sshd/decisions.ts';
import { ENDS } from '../../alphaclient/sshd/ends.ts';
import { KEYS } from '../../alphaclient/sshd/keys.ts';
import type { Rule } from '../../alphaclient/sshd/message-types.ts';
import { NEGOTIATION } from '../../alphaclient/sshd/negotiation.ts';
import { NOISE } from '../../alphaclient/sshd/noise.ts';
import { PAM } from '../../alphaclient/sshd/pam.ts';
import { REFUSALS } from '../../alphaclient/sshd/refusals.ts';
import { SCANNERS } from '../../alphaclient/sshd/scanners.ts';

/** Where the page lies. */
export const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'sshd-lines.md');

const INTRODUCTION = `# The lines of sshd that are understood

Made by \`npm run docs\` from the rules in \`alphaclient/sshd/\`; change it there. \`alphaclient explain LINE\` tells which
of them knows a line, and what becomes of it.

In the messages USER is what the client sent, ADDR a numeric address, HOST a name or an address; what stands in brackets may be
missing. Every rule reads its message with and without \`error: \` or \`fatal: \` before it and \` [preauth]\` behind it, and in
every form that a log gives it: \`sshd -E\`, traditional syslog with or without host, pid or year, RFC 3339 times (also in square
brackets), RFC 5424, \`journalctl\` (\`-o json\`, \`short\` and its kin, with months in many languages), Solaris, AIX, FreeBSD, macOS
(syslog, and \`log\` in the styles \`default\`, \`compact\`, \`syslog\` and \`ndjson\`), BusyBox, socklog and OpenWrt, and what Docker
(\`json-file\`, \`docker logs -t\`) and containerd keep of a container's output.

A message that syslog cut at 500 bytes is read by what is left of it: an address whose end may be missing is not.
\`message repeated N times: [ ... ]\` and \`last message repeated N times\` count N times (at most 100,000). A line in any other
form is not read; where it is in sshd's own words it counts as unknown, so that a log that is not understood is not taken for a
quiet one.

An **attempt** is one decision of sshd; a **probe** is a connection that ended without one. Several lines about one attempt are
one event. Evidence of a decision whose own line never comes is one failed attempt when the connection ends, or after ten minutes
without a line.
`;

const UNKNOWABLE = `## What a log does not say

Where nothing else was logged of a connection (at INFO: a valid user, or none, and no password tried), old versions end it in a line
that may as well be the end of a session. It is told as nothing, not as a probe:

- up to 5.8, which has no \`[preauth]\`: \`Connection closed by ADDR\`, \`Received disconnect from ADDR: 11: TEXT\`;
- up to 6.7, a goodbye so long that syslog cut the \`[preauth]\` off, up to 7.1 one so long that \`sshd -E\` did.

At VERBOSE \`Connection from\` tells of both. Up to 5.8 a client that ends its name or its goodbye in \`[preauth]\` may make one probe too many.
`;

const ADDING = `## A new message

1. Write lines of it, with those that sshd prints around it, into \`test/fixtures/sshd/NAME.log\` (\`NAME.pid.log\` where only
   the pids tell the connections apart), in the form of the others there. Addresses are those of documentation.
2. Add the rule to the table that fits in \`alphaclient/sshd/\`; \`explain\` shows what it makes of a line.
3. \`UPDATE_FIXTURES=1 node --test test/alphaclient/sshd/fixtures.test.ts\` writes \`NAME.ndjson\`: read it, it is what is promised
   from now on, in every form. \`npm run docs\` writes this page.
`;

function section(title: string, text: string, rules: readonly Rule[]): string {
  const entries = rules.map(
    (rule) =>
      `### ${rule.name}\n\n\`${rule.message}\`\n\n- OpenSSH: ${rule.versions}\n- means: ${rule.meaning}\n\n\`\`\`\n${rule.example}\n\`\`\`\n`,
  );
  return `## ${title}\n\n${text}\n\n${entries.join('\n')}`;
}

/** The page's text. */
export function page(): string {
  const noise = NOISE.map((rule) => `${rule.example}`).join('\n');
  return [
    INTRODUCTION,
    section('Decisions', 'Told when the line is read.', DECISIONS),
    section('Accounts and keys', 'What sshd says of who was asked for, and of what it will refuse.', [
      ...ACCOUNTS,
      ...KEYS,
    ]),
    section('Ends of connections', 'They close what was open; without a decision it becomes a probe.', ENDS),
    section('Scanners and other protocols', 'Connections that never come to a key exchange.', SCANNERS),
    section('Key exchange and packets', 'Connections that break in it.', NEGOTIATION),
    section('Refusals', 'Connections that sshd cuts off itself.', REFUSALS),
    section('PAM', "Not sshd's words, though under its name.", PAM),
    `## Known, and nothing about an attempt\n\nAn example of each; other programs' lines and these are all that does not count as unknown.\n\n\`\`\`\n${noise}\n\`\`\`\n`,
    UNKNOWABLE,
    ADDING,
  ].join('\n');
}

if (import.meta.main) writeFileSync(PAGE, page());
