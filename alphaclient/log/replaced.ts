/** Files that are other ones by the time they are opened. */

const REPLACED = 'ELOGREPLACED';

/** The error for a path that has another file by now, or a file that has another text. */
export function replaced(path: string): Error {
  return Object.assign(new Error(`${path} was replaced while it was looked at`), { code: REPLACED });
}

/** Whether this error says no more than that the file moved on while it was looked at: a new look finds where. */
export function wentAway(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === REPLACED);
}
