/**
 * Refuses requests for a foreign host name. A page of another site can make its own name lead to this server (DNS rebinding); the
 * browser then takes both for one site, and only the Host header differs. Pure but for the names that are passed in.
 */
import { isIP } from 'node:net';

/** Takes the port and the brackets off a Host header; lower case, without a dot at the end. */
function nameIn(host: string): string {
  const bare = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(host)?.[1] ?? host.replace(/:\d{1,5}$/, '');
  return bare.toLowerCase().replace(/\.$/, '');
}

/** True where a name is another one or below it. A wildcard, `*.` at the front, is one label (RFC 6125, section 6.4.3). */
function matches(name: string, known: string): boolean {
  if (known.startsWith('*.')) return name.indexOf('.') > 0 && name.slice(name.indexOf('.')) === known.slice(1);
  return name === known || name.endsWith(`.${known}`);
}

/**
 * Makes the check of Host headers. Addresses are let through, and names without a dot, since no foreign site has one; `localhost`
 * and what is below it; and `names` with what is below them.
 */
export function hostCheck(names: readonly string[]): (host: string | undefined) => boolean {
  const known = ['localhost', ...names.map(nameIn)].filter((name) => name !== '');
  return (host) => {
    if (host === undefined) return false;
    const name = nameIn(host);
    if (isIP(name) !== 0) return true;
    if (!/^[a-z0-9._-]{1,255}$/.test(name)) return false;
    return !name.includes('.') || known.some((one) => matches(name, one));
  };
}
