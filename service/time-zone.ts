/** Recognises the names of time zones. Pure. */

/** True for what Intl takes as a time zone: a name of the IANA database such as `Europe/Berlin`, or an offset such as `+01:00`. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
