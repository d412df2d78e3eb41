/** Changes a file of settings, `NAME=value` lines as dotenv and systemd's EnvironmentFile read them, and leaves its other lines alone. Pure. */

/** Characters that need no quotes in either reader. */
const PLAIN = /^[A-Za-z0-9_.:/,@%+[\]-]*$/;
/** Characters that the two readers take differently, even in quotes. */
const UNUSABLE = /["\\$`\n\r]/;

/** Returns the text with these settings, each once; a null takes one away. Throws a RangeError for a value that no line can hold. */
export function withSettings(text: string, settings: Readonly<Record<string, string | null>>): string {
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  const kept = lines.filter((line) => {
    const name = /^\s*(?:export\s+)?([\w.-]+)\s*=/.exec(line)?.[1];
    return name === undefined || !Object.hasOwn(settings, name);
  });
  const added = Object.entries(settings).flatMap(([name, value]) =>
    value === null ? [] : [`${name}=${quoted(value)}`],
  );
  return [...kept, ...added].map((line) => `${line}\n`).join('');
}

function quoted(value: string): string {
  if (UNUSABLE.test(value)) throw new RangeError(`${value} cannot stand in a file of settings`);
  return PLAIN.test(value) ? value : `"${value}"`;
}
