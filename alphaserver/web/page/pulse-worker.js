/**
 * Asks the server for a heartbeat, in a worker: browsers slow down the timers of a page that nobody sees, and its title and
 * icon show all the same. Posts the time of the last one where there was none for too long, null once there is one again. Takes the
 * times of answers that the page got, Unix milliseconds.
 */

const EVERY_MS = 3_000;
/** A stalled server takes the connection and never answers. EVERY_MS and this together are below the 10 s of the promise. */
const ANSWER_LIMIT_MS = 4_000;
/** One answer that was lost on the way is no loss of the server. */
const LOST_AFTER_MS = 5_000;

let heardMs = Date.now();
let lost = false;

async function isAlive() {
  try {
    const answer = await fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

/** @param {number} ms */
function heard(ms) {
  heardMs = Math.max(heardMs, ms);
  if (lost && Date.now() - heardMs < LOST_AFTER_MS) {
    postMessage(null);
    lost = false;
  }
}

addEventListener('message', ({ data }) => heard(data));

async function beat() {
  if (await isAlive()) {
    heard(Date.now());
  } else if (Date.now() - heardMs >= LOST_AFTER_MS) {
    if (!lost) postMessage(heardMs);
    lost = true;
  }
  // Asked sooner where that decides whether it is lost: the page may have heard of it since the last question.
  const dueMs = heardMs + LOST_AFTER_MS - Date.now();
  setTimeout(() => void beat(), lost || dueMs < 0 ? EVERY_MS : Math.min(EVERY_MS, dueMs));
}

void beat();
