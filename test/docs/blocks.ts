/** Finds in a Markdown file what a reader would try: blocks, shell commands, settings, paths of the API. Pure. */

/** A block of text that is set apart. */
export interface Block {
  /** The heading that it stands under. */
  readonly heading: string;
  /** The number of its first line, from 1. */
  readonly line: number;
  /** Of a fenced block, `text` where it names none; empty for an indented one. */
  readonly language: string;
  readonly text: string;
}

/** Returns the indented and the fenced blocks of a file, without their indentation and fences. */
export function blocksIn(markdown: string): Block[] {
  const blocks: Block[] = [];
  let heading = '';
  let open: { line: number; language: string; lines: string[]; fenced: boolean } | null = null;
  const close = (): void => {
    if (open) blocks.push({ heading, line: open.line, language: open.language, text: open.lines.join('\n').trimEnd() });
    open = null;
  };
  for (const [i, line] of markdown.split('\n').entries()) {
    const current = open as { line: number; language: string; lines: string[]; fenced: boolean } | null;
    if (current?.fenced) {
      if (line.startsWith('```')) close();
      else current.lines.push(line);
    } else if (line.startsWith('```')) {
      close();
      open = { line: i + 2, language: line.slice(3) || 'text', lines: [], fenced: true };
    } else if (line.startsWith('    ') || (line === '' && current !== null)) {
      open ??= { line: i + 1, language: '', lines: [], fenced: false };
      (open as { lines: string[] }).lines.push(line.slice(4));
    } else {
      close();
      heading = /^#+ (.*)/.exec(line)?.[1] ?? heading;
    }
  }
  close();
  return blocks;
}

/** One simple command: assignments before it, and its words. */
export interface ShellCommand {
  readonly settings: Readonly<Record<string, string>>;
  readonly words: readonly string[];
}

/**
 * Reads a line of a shell as far as docs use one: comments, quotes, and simple commands with `|`, `&&` and `;` between them.
 * Redirections are left out.
 */
export function commandsIn(line: string): ShellCommand[] {
  const tokens = line.match(/(?:^|\s)#.*$|\|\|?|&&|;|\d?[<>]+(?:&\d)?|(?:'[^']*'|"[^"]*"|[^\s|;&<>'"])+/g) ?? [];
  const commands: { settings: Record<string, string>; words: string[] }[] = [{ settings: {}, words: [] }];
  let redirected = false;
  for (const token of tokens) {
    if (/^\s*#/.test(token)) break;
    const current = commands.at(-1) as { settings: Record<string, string>; words: string[] };
    const assignment = /^([A-Z][A-Z0-9_]*)=(.*)$/s.exec(token);
    if (/^(\|\|?|&&|;)$/.test(token)) commands.push({ settings: {}, words: [] });
    else if (/^\d?[<>]/.test(token)) redirected = !token.includes('&');
    else if (redirected) redirected = false;
    else if (assignment && current.words.length === 0)
      current.settings[assignment[1] ?? ''] = unquoted(assignment[2] ?? '');
    else current.words.push(unquoted(token));
  }
  return commands.filter(({ words, settings }) => words.length > 0 || Object.keys(settings).length > 0);
}

const unquoted = (token: string): string =>
  token.replaceAll(/'([^']*)'|"([^"]*)"/g, (_, single, double) => single ?? double);

/** Returns the spans of code within running text. */
export const codeSpansIn = (markdown: string): string[] =>
  [...markdown.matchAll(/`` ?(.+?) ?``|`([^`\n]+)`/g)].map(([, double, single]) => double ?? single ?? '');
