/** Addresses of PostgreSQL, as libpq writes them: several servers stand with commas between. */

/** Servers in one address: more are a mistake. */
const SERVERS_LIMIT = 16;

/** Splits `postgres://user@one:5432,two:5433/name` into one URL for each server. Gives null for what is no such URL. */
export function serverUrls(given: string): string[] | null {
  const parts = /^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)([^@/?#]+)(\/[^?#]+(?:\?[^#]*)?)$/.exec(given);
  if (!parts) return null;
  const [, before = '', servers = '', after = ''] = parts;
  const urls = servers.split(',').map((server) => before + server + after);
  return urls.length <= SERVERS_LIMIT && urls.every((url) => URL.canParse(url)) ? urls : null;
}

/** Gives the server and the database of an address, without the user and the password. */
export function publicAddress(given: string): string {
  return given.replace(/^([a-z]+:\/\/)[^/?#]*@/, '$1').replace(/\?.*$/, '');
}
