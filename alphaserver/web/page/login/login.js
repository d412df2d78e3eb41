/** Logs in, and goes on to where one wanted to be. */

const form = /** @type {HTMLFormElement} */ (document.getElementById('login'));
const problem = /** @type {HTMLElement} */ (document.getElementById('problem'));

/** A path of this server: `//host` and the like would lead to another one. What stands behind `#` no server hears of, and is still here. */
function wanted() {
  const to = new URLSearchParams(location.search).get('to') ?? '/';
  const url = new URL(to, location.origin);
  return url.origin === location.origin && to.startsWith('/') ? url.pathname + url.search + location.hash : '/';
}

/** @param {FormData} data */
async function logIn(data) {
  const answer = await fetch('/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: data.get('user'), password: data.get('password') }),
  }).catch(() => null);
  if (answer?.ok) location.replace(wanted());
  else problem.textContent = (await answer?.json().catch(() => null))?.message ?? 'The server does not answer';
}

/** @type {HTMLInputElement} */ (document.getElementById('user')).focus();

form.addEventListener('submit', (submitted) => {
  submitted.preventDefault();
  const button = /** @type {HTMLButtonElement} */ (form.querySelector('button'));
  problem.textContent = '';
  button.disabled = true;
  void logIn(new FormData(form)).finally(() => {
    button.disabled = false;
  });
});
