/** Draws attempts over time: a chart for each outcome, each with its own scale, above one axis of time. */
import { count } from './count.js';
import { byId, element, glyph } from './element.js';
import { axisTime, isUtc, moment } from './time.js';

/**
 * @import { Point } from './answers.d.ts'
 * @import uPlot from './chart.js'
 * @typedef {{ points: readonly Point[], stepMs: number, fromMs: number, toMs: number }} Timeline
 * @typedef {{ at: number, from: number | null }} Marks places of points: where the keys are, and where marking began
 */

/** The chart's package is large compared with the rest of the page: nothing waits for it but the chart. */
const loading = import('./chart.js');
const SERIES = /** @type {const} */ ([
  { name: 'failed', glyph: 'failed', label: 'Failed', heightPx: 132 },
  { name: 'accepted', glyph: 'accepted', label: 'Accepted', heightPx: 62 },
  { name: 'probes', glyph: 'probe', label: 'Probes', heightPx: 62 },
]);
const KEYS_LABEL = 'Attempts over time: arrow keys move, with Shift they mark, Enter shows what is marked';
const TIME_AXIS_PX = 26;
const COUNT_AXIS_PX = 46;
/** A time this near to the right edge, half a label wide and the axis of counts, would be cut. */
const EDGE_PX = COUNT_AXIS_PX + 24;

/** The chart. `show` gives it what to show; `chosen` is called with a part of the time that was marked, with the mouse or by keys. */
export class TimelineChart {
  /** @type {uPlot[]} */
  #charts = [];
  /** @type {Timeline | null} */
  #timeline = null;
  /** @type {Map<string, { total: HTMLElement, plot: HTMLElement }>} */
  #places = new Map();
  #chosen;
  #widthPx = 0;
  /** @type {Marks | null} */
  #marks = null;
  #marked = element('p', { class: 'marked', role: 'status' });

  /** @param {(fromMs: number, toMs: number) => void} chosen */
  constructor(chosen) {
    this.#chosen = chosen;
    const root = byId('timeline-chart');
    for (const { name, label, glyph: mark, heightPx } of SERIES) {
      const total = element('output', {}, ' ');
      const last = name === SERIES.at(-1)?.name;
      const plot = element('div', { class: `plot h${heightPx}${last ? ' last' : ''}`, role: 'img' });
      root.append(
        element(
          'figure',
          { class: `series ${mark}` },
          element('figcaption', {}, glyph(mark), element('b', {}, label), total),
          plot,
        ),
      );
      this.#places.set(name, { total, plot });
    }
    root.append(this.#marked);
    root.tabIndex = 0;
    root.setAttribute('role', 'group');
    root.setAttribute('aria-label', KEYS_LABEL);
    this.#listen(root);
    new ResizeObserver(() => this.#fit()).observe(root);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => void this.#draw());
  }

  /** @param {Timeline} timeline */
  show(timeline) {
    const same = this.#timeline?.stepMs === timeline.stepMs && this.#charts.length > 0;
    this.#timeline = timeline;
    for (const { name, label } of SERIES) {
      const place = this.#places.get(name);
      if (!place) continue;
      place.total.textContent = this.#totalOf(name);
      place.plot.setAttribute('aria-label', described(timeline, name, label));
    }
    if (!same) {
      void this.#draw();
      return;
    }
    for (const [i, { name }] of SERIES.entries()) this.#charts[i]?.setData(dataOf(timeline, name));
  }

  /**
   * Marks a part of the time by keys: arrow keys move, with Shift they mark, Enter shows what is marked, Escape drops it.
   * @param {HTMLElement} root
   */
  #listen(root) {
    root.addEventListener('keydown', (pressed) => {
      const last = (this.#timeline?.points.length ?? 0) - 1;
      if (last < 0 || pressed.altKey || pressed.ctrlKey || pressed.metaKey) return;
      const moved = movedBy(pressed.key, this.#marks?.at ?? null, last);
      if (moved !== null) {
        const from = pressed.shiftKey ? (this.#marks?.from ?? this.#marks?.at ?? moved) : null;
        this.#mark({ at: moved, from });
      } else if (pressed.key === 'Enter' && this.#marks) this.#choose(this.#marks);
      else if (pressed.key === 'Escape' && this.#marks) this.#mark(null);
      else return;
      pressed.preventDefault();
      pressed.stopPropagation();
    });
    root.addEventListener('blur', () => this.#mark(null));
  }

  /** @param {Marks | null} marks */
  #mark(marks) {
    this.#marks = marks;
    const part = marks && this.#partOf(marks);
    if (!part) {
      this.#marked.textContent = '';
      this.#point(null);
      for (const chart of this.#charts) chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
      return;
    }
    const { points, fromMs, toMs } = part;
    const sums = SERIES.map(
      ({ name, label }) => `${count(points.reduce((sum, point) => sum + point[name], 0))} ${label.toLowerCase()}`,
    );
    const nowMs = Date.now();
    this.#marked.textContent = `${moment(fromMs, nowMs)} to ${moment(toMs, nowMs)}: ${sums.join(', ')}`;
    for (const chart of this.#charts) {
      const left = chart.valToPos(fromMs / 1_000, 'x');
      const width = chart.valToPos(toMs / 1_000, 'x') - left;
      chart.setSelect({ left, width, top: 0, height: chart.height }, false);
    }
  }

  /** @param {Marks} marks */
  #choose(marks) {
    const part = this.#partOf(marks);
    if (part) this.#chosen(part.fromMs, part.toMs);
  }

  /**
   * The points between two marks, and their time; null where there are none any more.
   * @param {Marks} marks
   */
  #partOf({ at, from }) {
    if (this.#timeline === null) return null;
    const { points: all, stepMs } = this.#timeline;
    const points = all.slice(Math.min(at, from ?? at), Math.max(at, from ?? at) + 1);
    const [first, last] = [points[0], points.at(-1)];
    return first && last ? { points, fromMs: Date.parse(first.at), toMs: Date.parse(last.at) + stepMs } : null;
  }

  /** @param {'failed' | 'accepted' | 'probes'} name */
  #totalOf(name) {
    return count((this.#timeline?.points ?? []).reduce((sum, point) => sum + point[name], 0));
  }

  #fit() {
    const widthPx = this.#places.get('failed')?.plot.clientWidth ?? 0;
    if (widthPx === this.#widthPx || widthPx === 0) return;
    this.#widthPx = widthPx;
    for (const chart of this.#charts) chart.setSize({ width: widthPx, height: chart.height });
  }

  async #draw() {
    const { default: Chart } = await loading;
    const timeline = this.#timeline;
    if (timeline === null) return;
    for (const chart of this.#charts) chart.destroy();
    this.#widthPx = this.#places.get('failed')?.plot.clientWidth ?? 600;
    this.#charts = SERIES.map(({ name, glyph: mark, heightPx }, i) => {
      const last = i === SERIES.length - 1;
      const options = this.#options(Chart, mark, heightPx + (last ? TIME_AXIS_PX : 0), last);
      const place = /** @type {{ plot: HTMLElement }} */ (this.#places.get(name));
      return new Chart(options, dataOf(timeline, name), place.plot);
    });
  }

  /**
   * @param {typeof uPlot} Chart
   * @param {string} mark
   * @param {number} height
   * @param {boolean} last
   * @returns {uPlot.Options}
   */
  #options(Chart, mark, height, last) {
    const style = getComputedStyle(document.documentElement);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const grid = { stroke: colour('line'), width: 1 };
    return {
      width: this.#widthPx,
      height,
      // Where days begin, which the axis marks; without it, in the browser's time zone.
      ...(isUtc && { tzDate: (s) => Chart.tzDate(new Date(s * 1_000), 'Etc/UTC') }),
      padding: [6, 4, last ? 0 : 2, 0],
      legend: { show: false },
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false },
        sync: { key: 'asgard', setSeries: false },
      },
      scales: {
        x: { range: () => this.#range() },
        y: { range: (_chart, _low, high) => [0, Math.max(high, 1) * 1.05] },
      },
      axes: [
        {
          show: last,
          size: TIME_AXIS_PX,
          gap: 4,
          font,
          stroke: colour('muted'),
          grid: { show: false },
          ticks: { show: false },
          values: (chart, splits, _axis, _space, stepS) =>
            splits.map((s) => (chart.valToPos(s, 'x') > chart.width - EDGE_PX ? '' : tick(s, stepS ?? 0))),
          space: 76,
        },
        {
          size: COUNT_AXIS_PX,
          gap: 8,
          font,
          stroke: colour('muted'),
          grid,
          ticks: { show: false },
          space: 34,
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7],
          // Without a value the scale would be made up.
          values: (chart, splits) =>
            chart.data[1]?.some(Boolean) ? splits.map((value) => short(value)) : splits.map(() => ''),
        },
      ],
      series: [{}, { fill: colour(mark), width: 0, points: { show: false }, paths: bars(Chart) }],
      hooks: {
        setCursor: [(chart) => this.#point(chart.cursor.idx ?? null)],
        setSelect: [
          (chart) => {
            if (chart.select.width < 4) return;
            const at = (/** @type {number} */ px) => chart.posToVal(px, 'x') * 1_000;
            this.#chosen(at(chart.select.left), at(chart.select.left + chart.select.width));
          },
        ],
      },
    };
  }

  /**
   * From the first step's beginning to the last one's end, so that no bar is cut.
   * @returns {[number, number]}
   */
  #range() {
    const { points, stepMs, fromMs, toMs } = this.#timeline ?? { points: [], stepMs: 0, fromMs: 0, toMs: 1 };
    const firstMs = Date.parse(points[0]?.at ?? '') || fromMs;
    const lastMs = (Date.parse(points.at(-1)?.at ?? '') || toMs) + stepMs;
    return [firstMs / 1_000, Math.max(lastMs, toMs) / 1_000];
  }

  /** @param {number | null} index */
  #point(index) {
    const point = index === null ? null : this.#timeline?.points[index];
    for (const { name } of SERIES) {
      const total = this.#places.get(name)?.total;
      if (!total) continue;
      total.textContent = point ? `${count(point[name])} from ${moment(point.at, Date.now())}` : this.#totalOf(name);
    }
  }
}

/** Points that Page Up and Page Down move by. */
const PAGE_POINTS = 10;

/**
 * Returns where a key moves to among points, null for any other key.
 * @param {string} key
 * @param {number | null} at
 * @param {number} last
 */
function movedBy(key, at, last) {
  const now = at ?? last + 1;
  /** @type {Record<string, number>} */
  const moves = { ArrowLeft: now - 1, ArrowRight: now + 1, PageUp: now - PAGE_POINTS, PageDown: now + PAGE_POINTS };
  const wanted = key === 'Home' ? 0 : key === 'End' ? last : Object.hasOwn(moves, key) ? moves[key] : undefined;
  return wanted === undefined ? null : Math.max(0, Math.min(last, wanted));
}

/** @param {typeof uPlot} Chart */
function bars(Chart) {
  const make = Chart.paths.bars;
  if (!make) throw new Error('this uPlot has no bars');
  return make({ size: [0.82, 40], align: 1, radius: 0.12 });
}

/**
 * @param {Timeline} timeline
 * @param {'failed' | 'accepted' | 'probes'} name
 * @returns {[number[], number[]]}
 */
function dataOf({ points }, name) {
  return [points.map(({ at }) => Date.parse(at) / 1_000), points.map((point) => point[name])];
}

/**
 * Describes a chart in words, for a screen reader.
 * @param {Timeline} timeline
 * @param {'failed' | 'accepted' | 'probes'} name
 * @param {string} label
 */
function described({ points }, name, label) {
  const top = points.reduce(
    (best, point) => (point[name] > best[name] ? point : best),
    points[0] ?? { at: '', accepted: 0, failed: 0, probes: 0 },
  );
  const total = points.reduce((sum, point) => sum + point[name], 0);
  return total === 0
    ? `${label}: none`
    : `${label}: ${count(total)}, most of them, ${count(top[name])}, from ${moment(top.at, Date.now())} on`;
}

/**
 * @param {number} atS
 * @param {number} stepS
 */
function tick(atS, stepS) {
  return axisTime(atS * 1_000, stepS >= 86_400);
}

/**
 * A count on the axis; the zero is the line itself.
 * @param {number} value
 */
function short(value) {
  if (value === 0) return '';
  return value >= 1_000 ? `${value / 1_000}k` : String(value);
}
