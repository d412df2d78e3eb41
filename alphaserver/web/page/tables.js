/** The three tables: hosts, sources, users. */
import { count, counted, estimated } from './count.js';
import { countryName } from './country.js';
import { byId, element, fill } from './element.js';
import { healthWords } from './health.js';
import { filterLink } from './links.js';
import { ago } from './time.js';
import { isFiltered } from './view.js';

/**
 * @import { Counts, WatchedHost, NetworkRow, TopRow } from './answers.d.ts'
 * @import { View } from './view.js'
 */

/** Rows shown before somebody asks for more. */
const HOSTS_SHOWN = 13;
const TOP_SHOWN = 10;
/** Rows shown at most: more are no use to a person. */
const MOST = 100;
const COVERAGE = { blind: 0, late: 1, live: 2 };
const COVERAGE_GLYPH = { blind: '◼', late: '◆', live: '●' };
const NONE = { accepted: 0, failed: 0, probes: 0 };

/** The tables, with what is unfolded in them. */
export class Tables {
  #all = new Set();
  #unfolded = new Set();
  #again = new Map();

  /**
   * Hosts, those in trouble first.
   * @param {{ hosts: readonly WatchedHost[], counts: readonly TopRow[], total: number }} part
   * @param {View} view
   * @param {number} nowMs
   */
  hosts({ hosts, counts, total }, view, nowMs) {
    const byHost = new Map(counts.map((row) => [row.host, row]));
    const rows = hosts
      .map((host) => ({ host, counts: byHost.get(host.host) ?? NONE }))
      .sort((a, b) => COVERAGE[a.host.coverage] - COVERAGE[b.host.coverage] || b.counts.failed - a.counts.failed);
    this.#show(
      'hosts',
      HOSTS_SHOWN,
      'host',
      rows,
      ({ host, counts: row }) => [
        element(
          'tr',
          {},
          element('th', { scope: 'row' }, filterLink(view, 'host', host.host)),
          element(
            'td',
            { class: `health ${host.coverage}` },
            element('span', { 'aria-hidden': 'true' }, COVERAGE_GLYPH[host.coverage]),
            ` ${healthWords(host, nowMs)}`,
          ),
          number(row.failed, 'failed'),
          number(row.accepted, 'accepted'),
          number(row.probes, 'wide'),
          element(
            'td',
            { class: 'n wide muted' },
            element('time', { datetime: host.lastSeen, title: host.lastSeen }, ago(host.lastSeen, nowMs)),
          ),
        ),
      ],
      total,
    );
  }

  /**
   * Sources by network, those that fail most first.
   * @param {readonly NetworkRow[]} rows
   * @param {View} view
   */
  sources(rows, view) {
    const sources = [...rows].sort(mostFailed);
    // What the page counts itself, of a filtered view, is exact.
    const words = isFiltered(view) ? count : estimated;
    const most = Math.max(1, ...sources.map(({ failed }) => failed));
    this.#show('sources', TOP_SHOWN, 'source', sources, (row) => {
      const folded = !this.#unfolded.has(row.network);
      const link = filterLink(view, 'ip', row.network);
      const head =
        row.addresses > 1 ? element('span', { class: 'network' }, link, ' ', this.#folding(row, folded)) : link;
      const inside = folded ? [] : row.busiest;
      return [
        sourceRow(head, row, most, '', words),
        ...inside.map((address) => sourceRow(filterLink(view, 'ip', address.ip), address, most, 'inside', words)),
      ];
    });
  }

  /**
   * Users, those that are tried most first.
   * @param {readonly TopRow[]} given
   * @param {View} view
   */
  users(given, view) {
    const rows = [...given].sort(mostFailed);
    const most = Math.max(1, ...rows.map(({ failed }) => failed));
    this.#show('users', TOP_SHOWN, 'user', rows, (row) => [
      element(
        'tr',
        {},
        element('th', { scope: 'row' }, filterLink(view, 'user', row.user ?? '')),
        bar(row.failed, most),
        number(row.accepted, 'accepted'),
        number(row.probes, 'wide'),
      ),
    ]);
  }

  /**
   * @param {NetworkRow} row
   * @param {boolean} folded
   */
  #folding(row, folded) {
    const addresses = counted(row.addresses, 'address', 'addresses');
    const button = element(
      'button',
      {
        ...{ type: 'button', class: 'fold muted', 'aria-expanded': String(!folded), 'data-key': row.network },
        'aria-label': `${addresses} of ${row.network}`,
      },
      addresses,
    );
    button.addEventListener('click', () => {
      if (folded) this.#unfolded.add(row.network);
      else this.#unfolded.delete(row.network);
      this.#again.get('sources')?.();
    });
    return button;
  }

  /**
   * @template R
   * @param {'hosts' | 'sources' | 'users'} name
   * @param {number} few
   * @param {string} noun
   * @param {readonly R[]} rows
   * @param {(row: R) => HTMLElement[]} made
   * @param {number} [total] how many there are, where `rows` may lack some
   */
  #show(name, few, noun, rows, made, total = rows.length) {
    const again = () => this.#show(name, few, noun, rows, made, total);
    this.#again.set(name, again);
    const all = this.#all.has(name);
    const shown = rows.slice(0, all ? MOST : few);
    const none = element('tr', { class: 'none' }, element('td', {}, 'None in this time'));
    fill(byId(name), shown.length > 0 ? shown.flatMap(made) : [none]);
    const more = byId(`${name}-more`);
    if (rows.length <= few) {
      fill(more, []);
      return;
    }
    const button = element(
      'button',
      { type: 'button', 'data-key': `${name}-more` },
      all
        ? 'Show fewer'
        : rows.length > MOST
          ? `Show ${MOST} of ${counted(total, noun)}`
          : `Show all ${counted(rows.length, noun)}`,
    );
    button.addEventListener('click', () => {
      if (all) this.#all.delete(name);
      else this.#all.add(name);
      again();
    });
    fill(more, [button]);
  }
}

/**
 * @param {Counts} a
 * @param {Counts} b
 */
function mostFailed(a, b) {
  return b.failed - a.failed || b.attempts - a.attempts || b.probes - a.probes;
}

/**
 * @param {HTMLElement} head
 * @param {Omit<NetworkRow, 'network' | 'addresses' | 'busiest'>} row
 * @param {number} most
 * @param {string} kind
 * @param {(number: number) => string} words for how many hosts and users
 */
function sourceRow(head, row, most, kind, words) {
  return element(
    'tr',
    { class: kind },
    element('th', { scope: 'row' }, head, origin(row)),
    bar(row.failed, most),
    number(row.accepted, 'accepted'),
    number(row.hosts, 'wide', words),
    number(row.users, 'wide', words),
  );
}

/** @param {Pick<NetworkRow, 'origin'>} row */
function origin({ origin: known }) {
  if (!known?.country) return null;
  const title = [countryName(known.country), known.network].filter(Boolean).join(', ');
  return element('span', { class: 'muted', title }, ` ${known.country}`);
}

/**
 * Makes a cell with a number and a bar of its share of the largest.
 * @param {number} value
 * @param {number} most
 */
function bar(value, most) {
  const share = element('span', { class: 'share', 'aria-hidden': 'true' });
  // Through the CSSOM: the page's content security policy takes no style attributes. The number has its room next to it.
  share.style.width = `calc((100% - 4.6rem) * ${value / most})`;
  return element(
    'td',
    { class: value === 0 ? 'n bar zero' : 'n bar' },
    share,
    element('span', { class: 'value' }, count(value)),
  );
}

/**
 * @param {number} value
 * @param {string} kind
 * @param {(number: number) => string} [words]
 */
function number(value, kind, words = count) {
  return element('td', { class: `n ${kind}${value === 0 ? ' zero' : ''}` }, words(value));
}
