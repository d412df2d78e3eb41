/** Changes the small files of a data folder again and again, as commands do, from when its standard input ends. Prints what it added. */
import { once } from 'node:events';
import { JoinedHosts } from '../../../alphaserver/ingest/joined-hosts.ts';
import { Tokens } from '../../../alphaserver/ingest/tokens.ts';
import { Users } from '../../../alphaserver/web/users.ts';

const [folder = '', name = '', changes = '0', users = '0'] = process.argv.slice(2);
const [tokens, hosts, people] = [new Tokens(folder), new JoinedHosts(folder), new Users(folder)];
process.stdout.write('ready\n');
await once(process.stdin.resume(), 'end');
for (let i = 0; i < Number(changes); i++) {
  tokens.add(`${name}-${i}`, Date.now());
  tokens.revoke(`old-${name}-${i}`, Date.now());
  hosts.revoke(`${name}-${i}`, Date.now());
}
for (let i = 0; i < Number(users); i++) await people.add(`${name}-${i}`, 'viewer', 'a password', Date.now());
