/** Waits until something is so, for at most `limitMs`; then fails with what `why` says. Looks every 5 ms. */
export async function until(
  so: () => boolean | Promise<boolean>,
  why: () => string = () => so.toString(),
  limitMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await so())) {
    if (Date.now() > deadline) throw new Error(`never came true: ${why()}`);
    await new Promise((later) => setTimeout(later, 5));
  }
}
