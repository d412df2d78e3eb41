/** The search field: one for hosts, sources and users, with what the page knows as suggestions. */
import { ask } from './api.js';
import { byId, element } from './element.js';
import { addressOf } from './view.js';

/** @import { View } from './view.js' */

/** @typedef {{ hosts: readonly string[], sources: readonly string[], users: readonly string[] }} Known */

/** Suggestions of each kind, as many as a list of the API has: a browser filters them as somebody types. */
const SUGGESTED = 1_000;
/** Age at which suggested names are asked for again. */
const KNOWN_MS = 60_000;
const KIND = /^(host|source|ip|user):\s*(.*)$/s;
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:.]*:[0-9a-f:.]*(%[\w.-]+)?)(\/\d{1,3})?$/i;

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
  if (kind !== undefined) return { [kind === 'source' ? 'ip' : kind]: named };
  if (ADDRESS.test(given)) return { ip: given };
  const short = hosts.filter((host) => host === given || host.split('.', 1)[0] === given);
  const host = hosts.find((one) => one === given) ?? (short.length === 1 ? short[0] : undefined);
  return host === undefined ? { user: given } : { host };
}

/** The field and its suggestions. */
export class Search {
  /** @type {Promise<Known> | null} */
  #known = null;
  #askedMs = 0;

  /**
   * @param {() => View} view what is looked at
   * @param {(address: string) => void} go
   */
  constructor(view, go) {
    const field = /** @type {HTMLInputElement} */ (byId('search-for'));
    byId('search').addEventListener('submit', async (submitted) => {
      submitted.preventDefault();
      const { hosts } = await this.#load();
      const sought = soughtIn(field.value, hosts);
      if (sought === null) return;
      field.value = '';
      go(addressOf(view(), { host: null, ip: null, user: null, ...sought }));
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
    sources: (networks.networks ?? []).map((/** @type {{ network: string }} */ { network }) => network),
    users: (users.users ?? []).map((/** @type {{ user: string }} */ { user }) => user),
  };
}

/** @param {Known} known */
function suggest({ hosts, sources, users }) {
  const values = [
    ...hosts.map((host) => `host:${host}`),
    ...sources.map((ip) => `source:${ip}`),
    ...users.map((user) => `user:${user}`),
  ];
  byId('search-known').replaceChildren(...values.map((value) => element('option', { value })));
}
