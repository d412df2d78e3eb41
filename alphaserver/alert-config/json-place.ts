/** Where in a JSON text a value stands, for messages to the person who wrote it. */

/** Line and column, from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** The place of an offset. */
export function placeAt(text: string, offset: number): Place {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1) as string).length + 1 };
}

/**
 * The offset of the value that a path of keys and indexes leads to, in a text that JSON.parse takes; of the deepest value
 * on the way where the path leads nowhere. Of a key given twice it is the last, as for JSON.parse.
 */
export function offsetOf(text: string, path: readonly string[]): number {
  let at = 0;
  const space = (): void => {
    while (at < text.length && ' \t\r\n'.includes(text[at] as string)) at += 1;
  };
  const string = (): string => {
    const from = at;
    at += 1;
    while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    at += 1;
    return JSON.parse(text.slice(from, at)) as string;
  };
  /** Reads a value; the offset of what the rest of the path leads to, or null off the path. */
  const value = (rest: readonly string[] | null): number | null => {
    space();
    const start = at;
    const open = text[at];
    let found = rest ? start : null;
    if (open === '"') string();
    else if (open === '{' || open === '[') {
      at += 1;
      space();
      for (let i = 0; text[at] !== '}' && text[at] !== ']'; i += 1) {
        const key = open === '{' ? string() : String(i);
        space();
        if (open === '{') at += 1;
        const on = rest !== null && rest.length > 0 && rest[0] === key;
        found = value(on ? rest.slice(1) : null) ?? found;
        space();
        if (text[at] === ',') at += 1;
        space();
      }
      at += 1;
    } else while (at < text.length && !',]} \t\r\n'.includes(text[at] as string)) at += 1;
    return found;
  };
  return value(path) ?? 0;
}
