/** The panel of open sessions: who is in now. */
import { count, counted } from './count.js';
import { byId, element, fill, foreign, glyph } from './element.js';
import { trustWords } from './health.js';
import { filterLink, keyLink, wayLinks } from './links.js';
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

/** The panel, and whether all of its rows are shown. */
export class InNow {
  #all = false;

  /**
   * Shows open sessions, those that began last first.
   * @param {{ sessions: readonly Session[], next: string | null }} part
   * @param {View} view
   * @param {number} nowMs
   */
  show(part, view, nowMs) {
    const { sessions, next } = part;
    byId('in-now-count').textContent =
      sessions.length === 0 ? '' : `${count(sessions.length)}${next === null ? '' : ' or more'}`;
    const shown = sessions.slice(0, this.#all ? MOST : FEW);
    fill(
      byId('in-now'),
      shown.length === 0
        ? [element('li', { class: 'none' }, 'Nobody, as far as logs and kernels say.')]
        : shown.map((session) => row(session, view, nowMs)),
    );
    this.#more(part, view, nowMs);
  }

  /**
   * @param {{ sessions: readonly Session[], next: string | null }} part
   * @param {View} view
   * @param {number} nowMs
   */
  #more(part, view, nowMs) {
    const all = part.sessions.length;
    if (all <= FEW) return fill(byId('in-now-more'), []);
    const words = this.#all
      ? 'Show fewer'
      : all > MOST
        ? `Show ${MOST} of ${counted(all, 'session')}`
        : `Show all ${count(all)}`;
    const button = element('button', { type: 'button', 'data-key': 'in-now-more' }, words);
    button.addEventListener('click', () => {
      this.#all = !this.#all;
      this.show(part, view, nowMs);
    });
    fill(byId('in-now-more'), [button]);
  }
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
