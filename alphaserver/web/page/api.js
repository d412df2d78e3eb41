/** Questions to the server. */

/** The server refused, or did not answer. */
export class ApiError extends Error {
  /**
   * @param {string} message for people
   * @param {number} status 0 where there was no answer
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Leads to the login page, and back to here afterwards. */
export function toLogin() {
  location.assign(`/login?to=${encodeURIComponent(location.pathname + location.search)}`);
}

/**
 * The path and parameters that ask for the one thing of this name. In a path `.` and `..` are steps, however they are encoded: browsers
 * take them out before they ask, so that such a name is a parameter.
 * @param {string} list
 * @param {string} name
 * @returns {[path: string, parameters: Record<string, string>]}
 */
export function nameInPath(list, name) {
  return /^\.\.?$/.test(name) ? [`${list}/-`, { name }] : [`${list}/${encodeURIComponent(name)}`, {}];
}

/**
 * Asks `GET path` and gives the answer. Throws an ApiError, or an AbortError when the signal says so.
 * @template T
 * @param {string} path
 * @param {Record<string, string | null>} parameters null is left out
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export async function ask(path, parameters, signal) {
  const given = Object.entries(parameters).filter(
    /** @returns {entry is [string, string]} */ (entry) => entry[1] !== null,
  );
  const query = given.length > 0 ? `?${new URLSearchParams(given)}` : '';
  return answer(await reach(`${path}${query}`, { signal: signal ?? null, headers: { accept: 'application/json' } }));
}

/**
 * Asks `POST path` and gives the answer.
 * @template T
 * @param {string} path
 * @param {unknown} body
 * @returns {Promise<T>}
 */
export async function tell(path, body) {
  return answer(
    await reach(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  );
}

/**
 * @param {string} url
 * @param {RequestInit} options
 */
async function reach(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError('the server does not answer', 0);
  }
}

/** @param {Response} response */
async function answer(response) {
  const body = await response.json().catch(() => null);
  // The session is over; where a browser asks for the one password by itself, this header says Basic.
  if (response.status === 401 && response.headers.get('www-authenticate')?.startsWith('Bearer')) toLogin();
  if (!response.ok) throw new ApiError(body?.message ?? `the server answered ${response.status}`, response.status);
  return body;
}
