/** What the page has to know to say how a first host is watched: where agents connect, and how this server's commands are typed. */
import { isReadyMade } from './page-module.ts';

/** Where agents connect. */
export interface AgentEntry {
  readonly scheme: 'tcp' | 'tls';
  readonly port: number;
  /** The names by which hosts that join can check this server; none where hosts cannot join it by a code. */
  readonly joinNames: readonly string[];
}

/** Names that an attribute and a command line take as they are. Others in a certificate, such as `*.example`, are none to connect to. */
const PLAIN_NAME = /^[\w.:-]+$/;

/** Tells how this server was installed, which decides how its commands are typed; `page` is the folder of the page's files. */
export function installationOf(page: string): 'package' | 'image' | 'checkout' {
  // A package's program is bundled into JavaScript; an image runs the sources, without what makes the page's module of them.
  if (!import.meta.filename.endsWith('.ts')) return 'package';
  return isReadyMade(page) ? 'image' : 'checkout';
}

/** Returns what stands in the page for each of its holes: texts that an attribute takes as they are. */
export function entryTexts({ scheme, port, joinNames }: AgentEntry, page: string): Readonly<Record<string, string>> {
  return {
    installation: installationOf(page),
    scheme,
    port: String(port),
    joinNames: joinNames.filter((name) => PLAIN_NAME.test(name)).join(' '),
  };
}
