/** The first pause between two looks, ms. */
const FIRST_PAUSE_MS = 5;
/** The longest one. A look may cost a process or an answer of a server: a long wait by short pauses takes what it waits for its processor. */
const LONGEST_PAUSE_MS = 50;

/** Waits until something is so, for at most `limitMs`; then fails with what `why` says. The pauses between two looks grow. */
export async function until(
  so: () => boolean | Promise<boolean>,
  why: () => string = () => so.toString(),
  limitMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (let pauseMs = FIRST_PAUSE_MS; !(await so()); pauseMs = Math.min(pauseMs * 1.3, LONGEST_PAUSE_MS)) {
    if (Date.now() > deadline) throw new Error(`never came true: ${why()}`);
    await new Promise((later) => setTimeout(later, pauseMs));
  }
}
