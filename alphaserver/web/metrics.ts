/** `GET /metrics`, in Prometheus' text format. The one file that knows prom-client. */
import { readdir } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { utcMs } from '../../protocol/values.ts';
import type { Stopwatch } from '../ingest/group-commit.ts';
import { FAMILIES, type Family, type FamilyName } from '../metrics/families.ts';
import { type Figures, type Sample, samplesOf } from '../metrics/samples.ts';
import type { Appended } from '../store/store.ts';
import { described } from './api-schema.ts';

/** Figures of the process that are left out: gauges with a counter's name, and lists that grow with the connections. */
const LEFT_OUT = ['handles', 'requests', 'resources'].flatMap((what) => [
  `nodejs_active_${what}`,
  `nodejs_active_${what}_total`,
]);

/** Open files and sockets: as prom-client counts them, but without holding up the thread that stores. Linux alone has them. */
const openFiles = (registry: Registry): Gauge =>
  new Gauge({
    name: 'process_open_fds',
    help: 'Number of open file descriptors.',
    registers: [registry],
    async collect() {
      const open = await readdir('/proc/self/fd').catch(() => null);
      if (open) this.set(open.length);
      else this.remove();
    },
  });

/** Measures what happens, and writes the page of metrics. */
export class Metrics implements Stopwatch {
  readonly #registry = new Registry();
  readonly #read = new Map<string, Counter | Gauge>();
  readonly #commits: Histogram;
  readonly #ingest: Histogram;
  readonly #delays: Histogram;
  #commitsFailed = 0;
  #scrape: Promise<string> | null = null;

  constructor() {
    for (const [name, family] of Object.entries<Family>(FAMILIES)) {
      if (family.type === 'histogram') continue;
      const Kind = family.type === 'counter' ? Counter : Gauge;
      this.#read.set(
        name,
        new Kind({ name, help: family.help, labelNames: family.labels, registers: [this.#registry] }),
      );
    }
    this.#commits = this.#histogram('asgard_commit_duration_seconds');
    this.#ingest = this.#histogram('asgard_ingest_duration_seconds');
    this.#delays = this.#histogram('asgard_event_delay_seconds');
    collectDefaultMetrics({ register: this.#registry });
    for (const name of [...LEFT_OUT, 'process_open_fds']) this.#registry.removeSingleMetric(name);
    openFiles(this.#registry);
  }

  /** The names of the process' own figures. */
  processNames(): string[] {
    return this.#registry
      .getMetricsAsArray()
      .map(({ name }) => name)
      .filter((name) => !(name in FAMILIES));
  }

  /** Commits that the disk did not take. */
  get commitsFailed(): number {
    return this.#commitsFailed;
  }

  committed(tookMs: number): void {
    this.#commits.observe(tookMs / 1_000);
  }

  stored(tookMs: number): void {
    this.#ingest.observe(tookMs / 1_000);
  }

  failed(): void {
    this.#commitsFailed += 1;
  }

  /** Hears of a commit: how old each event was. */
  watch(stored: readonly Appended[]): void {
    for (const { events } of stored) {
      // One commit, one time.
      const storedMs = Date.parse(events[0]?.storedAt ?? '');
      for (const { at } of events) this.#delays.observe(Math.max(0, storedMs - utcMs(at)) / 1_000);
    }
  }

  /** The text's media type. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The page of metrics with these figures; whoever asks while it is made gets the same. */
  text(figures: () => Promise<Figures>): Promise<string> {
    this.#scrape ??= this.#write(figures).finally(() => {
      this.#scrape = null;
    });
    return this.#scrape;
  }

  /** Family by family, with a turn of the event loop between: whoever stores waits for one of them at most. */
  async #write(figures: () => Promise<Figures>): Promise<string> {
    const samples = samplesOf(await figures());
    const texts: string[] = [];
    for (const { name } of this.#registry.getMetricsAsArray()) {
      const metric = this.#read.get(name);
      if (metric) fill(metric, name as FamilyName, samples[name as FamilyName]);
      texts.push(await this.#registry.getSingleMetricAsString(name));
      await turn();
    }
    return `${texts.join('\n\n')}\n`;
  }

  #histogram(name: FamilyName): Histogram {
    const { help, buckets = [] }: Family = FAMILIES[name];
    return new Histogram({ name, help, buckets: [...buckets], registers: [this.#registry] });
  }
}

/** Sets a metric to these values. One whose value is not known now has none, for it must not be shown as 0. */
function fill(metric: Counter | Gauge, name: FamilyName, samples: readonly Sample[] | undefined): void {
  metric.reset();
  // Which leaves a 0 where there are no labels.
  if (samples === undefined && FAMILIES[name].labels.length === 0) metric.remove();
  for (const { labels, value } of samples ?? []) metric.inc(labels, value);
}

/** The route. */
export function metricsRoute(app: FastifyInstance, metrics: Metrics, figures: () => Promise<Figures>): void {
  app.get('/metrics', described('operations', "Metrics in Prometheus' text format"), async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text(figures)),
  );
}
