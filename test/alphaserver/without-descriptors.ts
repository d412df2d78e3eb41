/**
 * A process in which files change while it has no free descriptor; its starter gives it few. Prints as JSON what each reader of such
 * files says before that, then, and when descriptors are free again, and the faults that it reported.
 */
import { X509Certificate } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { Authority, authorityFolder } from '../../alphaserver/ingest/authority.ts';
import { ServerCertificate } from '../../alphaserver/ingest/certificate.ts';
import { JoinedHosts } from '../../alphaserver/ingest/joined-hosts.ts';
import { SCRIPT_TOKENS, Tokens } from '../../alphaserver/ingest/tokens.ts';
import { EndedSessions } from '../../alphaserver/web/ended-sessions.ts';
import { makePassword, Users } from '../../alphaserver/web/users.ts';

/** More than one look, so that a fault that is reported at each of them shows. */
const LOOKS = 3;

const folder = process.argv[2] as string;
const nowMs = Date.now();
const faults: Record<string, string[]> = {};
const hear = (reader: string) => (message: string) => {
  faults[reader] = [...(faults[reader] ?? []), message];
};

const [agents, scripts] = [new Tokens(folder), new Tokens(folder, null, SCRIPT_TOKENS)];
const [agentToken, scriptToken] = [agents.add('web-01', nowMs), scripts.add('graphs', nowMs, null, 'metrics')];
const users = new Users(folder);
await users.add('vera', 'viewer', makePassword(), nowMs);
const hosts = new JoinedHosts(folder);
hosts.joined('web-01', null, nowMs - 5_000);
const session = { name: 'vera', cookie: 'cookie', beganMs: 1, endsMs: nowMs + 60_000 };
const authority = new Authority(authorityFolder(folder));
await authority.init('server', ['192.0.2.1'], nowMs);

const served = {
  agentTokens: new Tokens(folder, hear('agentTokens')),
  scriptTokens: new Tokens(folder, hear('scriptTokens'), SCRIPT_TOKENS),
  users: new Users(folder, hear('users')),
  hosts: new JoinedHosts(folder, hear('hosts')),
  ended: new EndedSessions(folder, 0, hear('ended')),
  certificate: new ServerCertificate(
    { certFile: authority.files.server, keyFile: authority.files.serverKey, clientCaFile: null },
    { info: () => {}, warn: () => {}, error: hear('certificate') },
  ),
};
const look = () => {
  served.certificate.refresh(nowMs);
  served.hosts.changed();
  return {
    agentTokens: served.agentTokens.find(agentToken) !== null,
    scriptTokens: served.scriptTokens.find(scriptToken) !== null,
    users: served.users.find('vera') !== null,
    hosts: served.hosts.fault({ name: 'web-01', fromMs: nowMs - 4_000 }) === null,
    ended: !served.ended.has(session),
    certificate: new X509Certificate(served.certificate.credentials.cert).checkIP('192.0.2.2') === undefined,
  };
};
const looks = () => Array.from({ length: LOOKS }, look).at(-1);

const before = looks();
agents.revoke('web-01', nowMs);
scripts.revoke('graphs', nowMs);
users.remove('vera');
hosts.revoke('web-01', nowMs);
new EndedSessions(folder, 0, hear('ended')).end(session, nowMs);
await authority.init('server', ['192.0.2.2'], nowMs);
const held: number[] = [];
let code: string | undefined;
while (code === undefined)
  try {
    held.push(openSync('/dev/null', 'r'));
  } catch (error) {
    code = (error as NodeJS.ErrnoException).code;
  }
const without = looks();
for (const descriptor of held) closeSync(descriptor);
process.stdout.write(JSON.stringify({ code, before, without, after: looks(), faults }));
