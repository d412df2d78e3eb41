/** The queries that people send to a server, over HTTP. */

const DAY_MS = 86_400_000;

/** Questions by name; each with its own span, so that no answer is one that was given before. */
export const QUESTIONS: { readonly [name: string]: (nowMs: number, n: number) => string } = {
  'summary, 24 h': (nowMs, n) => `/api/summary?since=${ago(nowMs, DAY_MS, n)}`,
  'summary, all': (nowMs, n) => `/api/summary?until=${ago(nowMs, -DAY_MS, n)}`,
  'hosts, 1,000': (_, n) => `/api/hosts?limit=${1_000 - (n % 20)}`,
  'timeline, 24 h': (nowMs, n) => `/api/timeline?step=60s&since=${ago(nowMs, DAY_MS, n)}`,
  'timeline of a host, 24 h': (nowMs, n) =>
    `/api/timeline?step=60s&host=web-00003.example&since=${ago(nowMs, DAY_MS, n)}`,
  'timeline, 30 d': (nowMs, n) => `/api/timeline?step=1h&since=${ago(nowMs, 30 * DAY_MS, n)}`,
  'top hosts, 24 h': (nowMs, n) => `/api/top/hosts?limit=1000&since=${ago(nowMs, DAY_MS, n)}`,
  'top sources, 24 h': (nowMs, n) => `/api/top/sources?limit=500&since=${ago(nowMs, DAY_MS, n)}`,
  'top sources, 7 d': (nowMs, n) => `/api/top/sources?limit=500&since=${ago(nowMs, 7 * DAY_MS, n)}`,
  'top users, 24 h': (nowMs, n) => `/api/top/users?limit=500&since=${ago(nowMs, DAY_MS, n)}`,
  'events, newest': (_, n) => `/api/events?limit=${100 + (n % 20)}`,
  'events of a frequent source': (_, n) => `/api/events?ip=1.0.0.0&limit=${100 + (n % 20)}`,
  'events of an address that never came': (_, n) => `/api/events?ip=203.0.113.77&limit=${100 + (n % 20)}`,
  'ledger, 1,000 agents': (_, n) => `/api/ledger?limit=${1_000 - (n % 20)}`,
};

/** The queries that the page sends at once when it is opened. */
export const page = (nowMs: number, n: number): string[] => {
  const since = `since=${ago(nowMs, DAY_MS, n)}`;
  return [
    ...[
      '/api/hosts?limit=1000',
      `/api/summary?${since}`,
      `/api/alerts?${since}&limit=200`,
      '/api/unknown',
      '/api/gaps',
      '/api/channels',
    ],
    ...[`/api/timeline?step=60s&${since}`, `/api/top/hosts?${since}&limit=1000`],
    ...[`/api/top/sources?${since}&limit=500`, `/api/top/users?${since}&limit=500`, '/api/events?limit=100'],
  ];
};

/** Gives a different time for any two `n`, within a second. */
const ago = (nowMs: number, spanMs: number, n: number): string => new Date(nowMs - spanMs - (n % 997)).toISOString();

/** Asks one thing; resolves with how long the whole answer took, milliseconds. Rejects where it is not 200. */
export async function asked(base: string, path: string): Promise<number> {
  const begun = performance.now();
  const response = await fetch(`${base}${path}`);
  await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`${path} was answered with ${response.status}`);
  return performance.now() - begun;
}
