/** What each kind of answer says to a browser about how far it may go with it. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { Served } from './served.ts';

const served = new Served();
before(() => served.open());
after(() => served.close());

/** Asks and resolves with the answer's status and headers; what follows them is not waited for. */
function headersOf(path: string, host = 'localhost'): Promise<{ status: number; headers: NodeJS.Dict<unknown> }> {
  return new Promise((done, failed) => {
    const asked = request(`${served.page}${path}`, { headers: { host } }, (answer) => {
      done({ status: answer.statusCode ?? 0, headers: answer.headers });
      answer.destroy();
    });
    asked.on('error', failed).end();
  });
}

const POLICY = "default-src 'self';object-src 'none';form-action 'self';frame-ancestors 'none';base-uri 'none'";

for (const [what, path, host, status] of [
  ['the page', '/', 'localhost', 200],
  ['an answer of the API', '/api/summary', 'localhost', 200],
  ['a wrong parameter', '/api/events?limit=x', 'localhost', 400],
  ['nothing at this path', '/nothing', 'localhost', 404],
  ['a foreign host name', '/', 'evil.example.org', 421],
  ['the stream', '/api/stream', 'localhost', 200],
] as const)
  test(`a browser runs no script but the page's own, and shows it in no frame: ${what}`, async () => {
    const answer = await headersOf(path, host);
    assert.equal(answer.status, status);
    // The page's own style sheet stands in it.
    const policy = String(answer.headers['content-security-policy']).replace(/;style-src 'self' 'sha256-[^']+'/, '');
    assert.equal(policy, POLICY);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    assert.equal(answer.headers['referrer-policy'], 'no-referrer');
    assert.equal(answer.headers['x-frame-options'], 'DENY');
    assert.equal(answer.headers['cross-origin-resource-policy'], 'same-origin');
    // A browser would refuse plain HTTP of every other server by this name.
    assert.equal(answer.headers['strict-transport-security'], undefined);
  });

test("the API's description has a policy of its own, which lets in no script from elsewhere either", async () => {
  const { status, headers } = await headersOf('/api/docs/');
  assert.equal(status, 200);
  assert.match(
    String(headers['content-security-policy']),
    /^default-src 'self'; style-src 'self' 'unsafe-inline'; img/,
  );
  assert.equal(headers['x-content-type-options'], 'nosniff');
});
