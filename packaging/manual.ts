/** Manual pages and shell completion, made from a program's own `--help`. */
import { VERSION } from './checkout.ts';

const escaped = (line: string): string =>
  line
    .replaceAll('\\', '\\e')
    .replace(/^(['.])/, '\\&$1')
    .replaceAll('-', '\\-');

/** Gives the manual page of a command, section 1, as roff. `seconds` is the date it carries, Unix time. */
export function manualPage(command: string, summary: string, help: string, seconds: number): string {
  const date = new Date(seconds * 1_000).toISOString().slice(0, 10);
  return `.TH ${command.toUpperCase()} 1 ${date} "Asgard ${VERSION}" "Asgard"
.SH NAME
${command} \\- ${escaped(summary)}
.SH SYNOPSIS
.B ${command}
[\\fICOMMAND\\fR] [\\fIOPTION\\fR...]
.SH COMMANDS
.nf
${help.trimEnd().split('\n').map(escaped).join('\n')}
.fi
.SH "EXIT STATUS"
0 after a clean end, 1 on failure, 2 on wrong usage or settings.
`;
}

/** Gives a bash completion of a command: the words that its help names, and the options on each word's lines. */
export function bashCompletion(command: string, help: string): string {
  const words = new Map<string, Set<string>>();
  const add = (path: string, word: string): void => void words.set(path, (words.get(path) ?? new Set()).add(word));
  for (const line of help.split('\n')) {
    const usage = new RegExp(`${command} ((?:\\[?[a-z]+\\]?(?: |$))*)(.*)`).exec(line);
    if (usage === null) continue;
    let path = '';
    for (const word of (usage[1] ?? '').split(' ').filter(Boolean)) {
      const plain = word.replaceAll(/[[\]]/g, '');
      add(path, plain);
      path = `${path} ${plain}`.trim();
    }
    for (const option of (usage[2] ?? '').match(/--[a-z][a-z-]*/g) ?? []) add(path, option);
  }
  const cases = [...words]
    .filter(([path]) => path !== '')
    .map(([path, next]) => `    '${path}') words='${[...next].sort().join(' ')}' ;;`);
  const top = [...(words.get('') ?? []), '--help', '--version'].sort().join(' ');
  return `# bash completion for ${command}
_${command}() {
  local path='' words='' each
  for each in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $each in -*) ;; *) path="\${path:+$path }$each" ;; esac
  done
  case $path in
    '') words='${top}' ;;
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _${command} ${command}
`;
}
