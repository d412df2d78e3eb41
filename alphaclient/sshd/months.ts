/** Months as `journalctl -o short` writes them: in the language of whoever ran it (`LC_TIME`, glibc's `%b`). */

/** January to December: German, French, Spanish, Italian, Portuguese, Dutch, Swedish, Polish, Turkish, Russian. */
const NAMES: readonly string[] = [
  'jan janv ene gen sty oca \u044f\u043d\u0432',
  'feb f\u00e9vr fev lut \u015fub \u0444\u0435\u0432',
  'm\u00e4r mars mar mrt \u043c\u0430\u0440',
  'apr avril abr kwi nis \u0430\u043f\u0440',
  'mai may mag mei maj \u043c\u0430\u044f \u043c\u0430\u0439',
  'jun juin giu cze haz \u0438\u044e\u043d',
  'jul juil lug lip tem \u0438\u044e\u043b',
  'aug ao\u00fbt ago sie a\u011fu \u0430\u0432\u0433',
  'sep sept set wrz eyl \u0441\u0435\u043d',
  'okt oct ott out pa\u017a eki \u043e\u043a\u0442',
  'nov lis kas \u043d\u043e\u044f',
  'dez d\u00e9c dic dec gru ara \u0434\u0435\u043a',
];
const BY_NAME = new Map(NAMES.flatMap((names, month) => names.split(' ').map((name) => [name, month] as const)));
/** Chinese and Japanese, Korean: the number with the word for month. */
const NUMBERED = /^(1[0-2]|[1-9])[\u6708\uc6d4]$/;
const NAME_LIMIT_BYTES = 10;
const SPACE = 32;

/** The month, 0 to 11, in the word at `at`, and where the word ends; null when it is none, or no day follows it. */
export function localMonth(bytes: Buffer, at: number): { readonly month: number; readonly end: number } | null {
  let end = at;
  while (end < at + NAME_LIMIT_BYTES && bytes[end] !== SPACE) end++;
  const day = bytes[end + 1] === SPACE ? bytes[end + 2] : bytes[end + 1];
  if (bytes[end] !== SPACE || day === undefined || day < 48 || day > 57) return null;
  const word = bytes.toString('utf8', at, end).toLowerCase().replace(/\.$/, '');
  const numbered = NUMBERED.exec(word);
  const month = numbered === null ? BY_NAME.get(word) : Number(numbered[1]) - 1;
  return month === undefined ? null : { month, end };
}
