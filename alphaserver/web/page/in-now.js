/** The panel of open sessions: who is in now. */
import { count, counted } from './count.js';
import { byId, element, fill, foreign, glyph, say } from './element.js';
import { escapedText } from './escaped.js';
import { trustWords } from './health.js';
import { filterLink, keyLink, wayLinks } from './links.js';
import { isWithin } from './network.js';
import { ago, lasting, moment } from './time.js';

/**
 * @import { Session } from './answers.d.ts'
 * @import { View } from './view.js'
 */

/** Rows before somebody asks for the rest, and at most. */
const FEW = 6;
const MOST = 100;
/** A session that the kernel of its host confirmed so long ago may have ended since, milliseconds. */
const CONFIRMED_MS = 5 * 60_000;

/**
 * Tells whether somebody who is in is meant by what was typed: a part of their name, host, address or key, or a network.
 * @param {Pick<Session, 'user' | 'host' | 'ip' | 'key' | 'method'>} session
 * @param {string} typed
 */
export function isMeant({ user, host, ip, key, method }, typed) {
  const words = typed
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return words.every(
    (word) =>
      [user, host, ip, key, method].some((value) => value?.toLowerCase().includes(word)) ||
      (word.includes('/') && isWithin(word, ip)),
  );
}

/** The panel, whether all of its rows are shown, and who is looked for in it. */
export class InNow {
  #all = false;
  #again = () => {};
  #field = /** @type {HTMLInputElement} */ (byId('in-now-search'));

  constructor() {
    this.#field.addEventListener('input', () => this.#again());
    this.#field.addEventListener('keydown', (pressed) => {
      if (pressed.key === 'Escape' && this.#field.value !== '') {
        this.#field.value = '';
        this.#again();
      } else if (pressed.key === 'ArrowDown' || pressed.key === 'Enter') byId('in-now').querySelector('a')?.focus();
      else return;
      pressed.preventDefault();
      pressed.stopPropagation();
    });
  }

  /**
   * Shows open sessions, those that began last first.
   * @param {{ sessions: readonly Session[], next: string | null }} part
   * @param {View} view
   * @param {number} nowMs
   */
  show(part, view, nowMs) {
    this.#again = () => this.show(part, view, nowMs);
    const { sessions, next } = part;
    const typed = this.#field.value.trim();
    const found = typed === '' ? sessions : sessions.filter((session) => isMeant(session, typed));
    const all = `${count(sessions.length)}${next === null ? '' : ' or more'}`;
    const number = typed === '' ? all : `${count(found.length)} of ${all}`;
    say(byId('in-now-count'), sessions.length === 0 ? '' : number);
    byId('in-now-find').hidden = sessions.length === 0 && typed === '';
    const shown = found.slice(0, this.#all ? MOST : FEW);
    fill(
      byId('in-now'),
      shown.length === 0
        ? [element('li', { class: 'none' }, noneWords(sessions.length, typed, next !== null))]
        : shown.map((session) => row(session, view, nowMs)),
    );
    this.#more(found.length);
  }

  /** @param {number} all */
  #more(all) {
    if (all <= FEW) return fill(byId('in-now-more'), []);
    const words = this.#all
      ? 'Show fewer'
      : all > MOST
        ? `Show ${MOST} of ${counted(all, 'session')}`
        : `Show all ${count(all)}`;
    const button = element('button', { type: 'button', 'data-key': 'in-now-more' }, words);
    button.addEventListener('click', () => {
      this.#all = !this.#all;
      this.#again();
    });
    fill(byId('in-now-more'), [button]);
  }
}

/**
 * Says why nobody is listed.
 * @param {number} all sessions that are known
 * @param {string} typed
 * @param {boolean} isCut
 */
function noneWords(all, typed, isCut) {
  if (all === 0) return 'Nobody, as far as logs and kernels say.';
  const among = isCut ? ` among the ${count(all)} who came last` : '';
  return `Nobody who is in now matches “${escapedText(typed)}”${among}.`;
}

/**
 * @param {Session} session
 * @param {View} view
 * @param {number} nowMs
 */
function row({ user, ip, host, method, key, since, confirmedAt, followed, trust }, view, nowMs) {
  return element(
    'li',
    {},
    element('span', { class: 'who' }, glyph('accepted'), user === null ? 'no user' : filterLink(view, 'user', user)),
    wayLinks(view, ip, host),
    element(
      'span',
      { class: 'muted' },
      since === null
        ? 'since an unknown time'
        : `for ${lasting(nowMs - Date.parse(since))}, since ${moment(since, nowMs)}`,
      method === null ? '' : ', by ',
      method === null ? null : foreign(method),
      key === null ? null : element('span', {}, ' ', keyLink(view, key)),
    ),
    element('span', { class: 'sure' }, sureWords(confirmedAt, followed, nowMs)),
    trust === 'forgeable' ? element('span', { class: 'forgeable', title: trustWords(trust) }, 'forgeable') : null,
  );
}

/**
 * Says how sure it is that somebody is still in.
 * @param {string | null} confirmedAt
 * @param {boolean} followed
 * @param {number} nowMs
 */
function sureWords(confirmedAt, followed, nowMs) {
  if (!followed) return 'perhaps gone: its agent follows it no more';
  if (confirmedAt === null) return 'by the log alone';
  const old = nowMs - Date.parse(confirmedAt) > CONFIRMED_MS;
  return old ? `last confirmed ${ago(confirmedAt, nowMs)}` : 'confirmed by the kernel';
}
