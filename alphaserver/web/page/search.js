/** The search field: one for hosts, sources, networks and users, with what the page knows as suggestions. */
import { ask, nameInPath } from './api.js';
import { byId, element } from './element.js';
import { networkText, readNetwork } from './network.js';
import { addressOf } from './view.js';

/** @import { View } from './view.js' */

/**
 * The names that are suggested. `allHosts`: no host is missing.
 * @typedef {{ hosts: readonly string[], allHosts: boolean, sources: readonly string[], users: readonly string[] }} Known
 */

/** Suggestions of each kind, as many as a list of the API has: a browser filters them as somebody types. */
const SUGGESTED = 1_000;
/** Age at which suggested names are asked for again. */
const KNOWN_MS = 60_000;
const KIND = /^(host|source|ip|user):\s*(.*)$/s;
/** Networks that are suggested where several known sources are in them, in bits: what a provider gives away or is given. */
const SUGGESTED_BITS = { 4: [24, 16], 6: [48, 32] };
const ADDRESS = /^((?:\d{1,3}\.){1,3}\*|\d{1,3}(\.\d{1,3}){3}|[0-9a-f:.]*:[0-9a-f:.]*(%[\w.-]+)?)(\/\d{1,3})?$/i;

/**
 * Returns what a text that somebody typed means: a kind that it names (`user:root`), else an address or a network, else a host
 * of this name, else a user. Null for nothing.
 * @param {string} typed
 * @param {readonly string[]} hosts
 * @returns {Partial<View> | null}
 */
export function soughtIn(typed, hosts) {
  const given = typed.trim();
  if (given === '') return null;
  const [, kind, named = ''] = KIND.exec(given) ?? [];
  if (kind !== undefined && kind !== 'source' && kind !== 'ip') return { [kind]: named };
  if (kind !== undefined || ADDRESS.test(given)) return { ip: sourceIn(kind === undefined ? given : named) };
  const short = hosts.filter((host) => host === given || host.split('.', 1)[0] === given);
  const host = hosts.find((one) => one === given) ?? (short.length === 1 ? short[0] : undefined);
  return host === undefined ? { user: given } : { host };
}

/**
 * Returns what a text that somebody typed means, as `soughtIn`; where the page does not know all hosts, it asks the server for a host
 * of this name before it takes a name for a user's.
 * @param {string} typed
 * @param {Pick<Known, 'hosts' | 'allHosts'>} known
 */
export async function sought(typed, { hosts, allHosts }) {
  const found = soughtIn(typed, hosts);
  const name = typed.trim();
  // A kind that was typed is not part of the name.
  const isGuess = found?.user !== undefined && found.user === name;
  return isGuess && !allHosts ? soughtIn(typed, [...hosts, ...(await hostsLike(name))]) : found;
}

/**
 * Asks for the host of this name, and for those of which it is the first part: two tell whether there is only one.
 * @param {string} name
 * @returns {Promise<string[]>}
 */
async function hostsLike(name) {
  const start = `${name}.`;
  const [itself, longer] = await Promise.allSettled([
    ask(...nameInPath('/api/hosts', name)),
    ask('/api/hosts', { limit: '2', cursor: start }),
  ]);
  /** @type {{ host: string }[]} */
  const after = longer.status === 'fulfilled' ? longer.value.hosts : [];
  return [
    ...(itself.status === 'fulfilled' ? [name] : []),
    ...after.map(({ host }) => host).filter((host) => host.startsWith(start)),
  ];
}

/**
 * Writes a network as the server does, `203.0.113.*` as `203.0.113.0/24`; anything else as it is.
 * @param {string} typed
 */
function sourceIn(typed) {
  const [, start] = /^((?:\d{1,3}\.){1,3})\*$/.exec(typed) ?? [];
  const numbers = start?.split('.').slice(0, -1) ?? [];
  const given =
    start === undefined ? typed : `${[...numbers, '0', '0', '0'].slice(0, 4).join('.')}/${numbers.length * 8}`;
  const network = readNetwork(given);
  return network === null ? given : networkText(network);
}

/**
 * Finds the networks that hold several of these sources, those with most first.
 * @param {readonly string[]} sources addresses, and IPv6 networks of 64 bits
 */
export function networksAround(sources) {
  /** @type {Map<string, number>} */
  const held = new Map();
  for (const source of sources) {
    const [address = ''] = source.split('/');
    for (const bits of SUGGESTED_BITS[address.includes(':') ? 6 : 4]) {
      const network = readNetwork(`${address}/${bits}`);
      if (network !== null) held.set(networkText(network), (held.get(networkText(network)) ?? 0) + 1);
    }
  }
  return [...held]
    .filter(([, number]) => number > 1)
    .sort(([, a], [, b]) => b - a)
    .map(([network]) => network);
}

/** The field and its suggestions. */
export class Search {
  /** @type {Promise<Known> | null} */
  #known = null;
  #askedMs = 0;
  #searches = 0;

  /**
   * @param {() => View} view what is looked at
   * @param {(address: string) => void} go
   */
  constructor(view, go) {
    const field = /** @type {HTMLInputElement} */ (byId('search-for'));
    byId('search').addEventListener('submit', async (submitted) => {
      submitted.preventDefault();
      const typed = field.value;
      const [number, shown] = [++this.#searches, view()];
      const found = await sought(typed, await this.#load());
      // Somebody has searched again meanwhile, or gone elsewhere.
      if (found === null || number !== this.#searches || shown !== view()) return;
      if (field.value === typed) field.value = '';
      go(addressOf(view(), { host: null, ip: null, user: null, ...found }));
    });
    // Asked for when somebody is about to type: a thousand suggestions cost a first paint.
    field.addEventListener('focus', async () => suggest(await this.#load()));
  }

  #load() {
    if (this.#known !== null && performance.now() - this.#askedMs < KNOWN_MS) return this.#known;
    this.#askedMs = performance.now();
    this.#known = known();
    return this.#known;
  }
}

/**
 * Asks for names; what cannot be had is no suggestion.
 * @returns {Promise<Known>}
 */
async function known() {
  const span = { since: '30d', limit: String(SUGGESTED) };
  const asked = [
    ask('/api/hosts', { limit: String(SUGGESTED) }),
    ask('/api/top/networks', span),
    ask('/api/top/users', span),
  ];
  const [hosts, networks, users] = (await Promise.allSettled(asked)).map((one) =>
    one.status === 'fulfilled' ? one.value : {},
  );
  return {
    hosts: (hosts.hosts ?? []).map((/** @type {{ host: string }} */ { host }) => host),
    allHosts: hosts.next === null,
    sources: (networks.networks ?? []).map((/** @type {{ network: string }} */ { network }) => network),
    users: (users.users ?? []).map((/** @type {{ user: string }} */ { user }) => user),
  };
}

/** @param {Known} known */
function suggest({ hosts, sources, users }) {
  const values = [
    ...hosts.map((host) => `host:${host}`),
    ...sources.map((ip) => `source:${ip}`),
    ...networksAround(sources)
      .slice(0, SUGGESTED)
      .map((network) => `source:${network}`),
    ...users.map((user) => `user:${user}`),
  ];
  byId('search-known').replaceChildren(...values.map((value) => element('option', { value })));
}
