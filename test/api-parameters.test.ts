/** Every path of the API with what can be wrong with each of its parameters: compared with one written expectation. */
import { strictEqual } from 'node:assert';
import { after, before, test } from 'node:test';
import { Served } from './alphaserver/web/served.ts';
import { isExpected } from './expectation.ts';

const served = new Served();
before(() => served.open());
after(() => served.close());

/** The part of an OpenAPI document that names what paths take. */
interface Document {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly parameters?: readonly { readonly name: string; readonly in: string }[];
            readonly requestBody?: {
              readonly content: Readonly<Record<string, { readonly schema: { readonly properties: object } }>>;
            };
          }
        >
      >
    >
  >;
}

const TIMES = ['yesterday', '', '24', '5y', '2026-13-01', '2026-02-30', '2026-11-23T25:00:00Z', '99999999999999d'];

/** What is wrong with each parameter. A new parameter needs an entry. */
const WRONG: Readonly<Record<string, readonly string[]>> = {
  bom: ['true', '0', '1'],
  coverage: ['dead', 'Blind', ''],
  cursor: ['', 'a b', '1.2.3', "1.'", '💥'],
  format: ['xml', 'CSV'],
  holds: ['false', '1'],
  host: [],
  ip: [
    'foo',
    '999.1.1.1',
    '203.0.113',
    '::1::',
    '203.0.113.0/7',
    '2001:db8::/15',
    '::ffff:192.0.2.1/64',
    '1.2.3.4%eth0%',
  ],
  key: ['ED25519', 'SHA256:abc', '', 'sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU'],
  limit: ['0', '1001', '-1', '1.5', 'ten', ''],
  method: ['bogus', 'Password'],
  name: [],
  open: ['maybe', '1'],
  outcome: ['lost', 'FAILED'],
  private: ['maybe', '1'],
  since: TIMES,
  step: ['5m', '60'],
  unused: TIMES,
  until: TIMES,
  user: [],
};
/** A right value of each part of a path, and wrong ones. */
const PARTS: Readonly<Record<string, { readonly right: string; readonly wrong: readonly string[] }>> = {
  fingerprint: {
    right: 'SHA256:47DEQpj8HBSa%2B%2FTImW%2B5JCeuQeRkm5NMpJWZG3hSuFU',
    wrong: ['SHA256:abc', 'ED25519', 'SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU '],
  },
  id: { right: 'x', wrong: [] },
  ip: { right: '192.0.2.1', wrong: ['foo', '999.1.1.1', '203.0.113.0/7'] },
  name: { right: 'x', wrong: [] },
};

/** Too much of any parameter. */
const TOO_LONG = 'x'.repeat(1_025);

/** What is wrong with each part of a body. */
const WRONG_PARTS: Readonly<Record<string, readonly unknown[]>> = {
  by: ['', ' ', 'x'.repeat(101), 1, null],
  password: [1, null],
  user: [1, null],
  host: ['', 1],
  ids: ['', 'a b', 'x,', 1],
  kind: ['burn', 'Block', ''],
  rule: ['none', ''],
  source: ['foo', '203.0.113.0/7', '999.1.1.1'],
  until: ['yesterday', '2020-01-01', '400d', ''],
  why: ['', ' ', 1],
};

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function asked(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${served.page}${path}`, { ...init, signal: AbortSignal.timeout(20_000) });
  const { status } = response;
  // An answer that is none of an error is not what is walked here, and a stream would never end.
  if (status < 400) {
    await response.body?.cancel();
    return { status, text: '' };
  }
  const { error, message } = (await response.json()) as { error: string; message: string };
  return { status, text: `${error}: ${message}` };
}

const shown = (given: string): string => given.replaceAll(TOO_LONG, 'xxx');
const query = (...pairs: [name: string, value: string][]): string => `?${new URLSearchParams(pairs)}`;

test('every path of the API refuses each wrong value of each parameter as written down', async () => {
  const { paths } = (await served.ask<Document>('/api/docs/json')).body;
  const lines: string[] = [];
  const walk = async (path: string, init: RequestInit = {}, body = ''): Promise<void> => {
    const { status, text } = await asked(
      path.replaceAll(/\{(\w+)\}/g, (_, name) => PARTS[name]?.right ?? name),
      init,
    );
    lines.push(`${init.method ?? 'GET'} ${shown(path)}${shown(body)}\n  ${status}${text === '' ? '' : ` ${text}`}\n`);
  };
  for (const [path, methods] of Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const parameters = (methods['get']?.parameters ?? []).filter((one) => one.in === 'query');
    for (const { name } of parameters) {
      const values = WRONG[name];
      strictEqual(
        typeof values,
        'object',
        `test/api-parameters.test.ts has no wrong values of ${name}, which ${path} takes`,
      );
      for (const value of values ?? []) await walk(path + query([name, value]));
      await walk(path + query([name, TOO_LONG]));
      await walk(path + query([name, '1'], [name, '1']));
    }
    for (const [part = '', name = ''] of path.matchAll(/\{(\w+)\}/g)) {
      const { wrong } = PARTS[name] ?? {};
      strictEqual(typeof wrong, 'object', `test/api-parameters.test.ts has no values of ${part}, which ${path} takes`);
      if (!methods['get']) continue;
      for (const value of [...(wrong ?? []), TOO_LONG]) await walk(path.replace(part, encodeURIComponent(value)));
    }
    const names = parameters.map(({ name }) => name);
    if (names.includes('since') && names.includes('until')) await walk(path + query(['since', '1h'], ['until', '2h']));
    // The misspelt name of a filter must not give what is unfiltered.
    if (methods['get'] && path.startsWith('/api/')) await walk(path + query(['nonsense', '1']));
    const parts = Object.keys(Object.values(methods['post']?.requestBody?.content ?? {})[0]?.schema.properties ?? {});
    for (const part of parts) {
      const values = WRONG_PARTS[part];
      strictEqual(
        typeof values,
        'object',
        `test/api-parameters.test.ts has no wrong values of ${part}, which ${path} takes`,
      );
      for (const body of [{}, ...(values ?? []).map((value) => ({ [part]: value })), { [part]: 'x', nonsense: 1 }]) {
        const text = JSON.stringify(body);
        const headers = { 'content-type': 'application/json' };
        await walk(path, { method: 'POST', headers, body: text }, ` ${text.replace('x'.repeat(101), 'xxx')}`);
      }
    }
    await walk(path, { method: methods['get'] ? 'DELETE' : 'PUT' });
  }
  isExpected('api.txt', lines.join(''));
});
