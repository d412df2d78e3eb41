/** Parses JSON with comments and finds the place of a value in its text. The only file that imports jsonc-parser. */
import { getNodeValue, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';

/** A line and a column, counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** The text is no JSON; `place` is where the first mistake is. */
export class JsonError extends Error {
  readonly code = 'json';
  readonly place: Place;

  constructor(message: string, place: Place) {
    super(message);
    this.place = place;
  }
}

/** A parsed text. */
export class JsonText {
  readonly value: unknown;
  readonly #text: string;
  readonly #root: Node;

  /** Parses the text; `//` and block comments count as spaces. Throws a JsonError. */
  constructor(text: string) {
    this.#text = text;
    const errors: ParseError[] = [];
    let root: Node | undefined;
    try {
      root = parseTree(text, errors, { disallowComments: false, allowTrailingComma: false });
    } catch (error) {
      // The parser calls itself once a level.
      if (!(error instanceof RangeError)) throw error;
      throw new JsonError('it is nested too deeply', { line: 1, column: 1 });
    }
    const [first] = errors;
    if (first) throw new JsonError(inWords(printParseErrorCode(first.error)), placeAt(text, first.offset));
    if (!root) throw new JsonError('it is empty', { line: 1, column: 1 });
    this.#root = root;
    this.value = getNodeValue(root);
  }

  /**
   * Returns the place of the value that a path of keys and indexes leads to, or of the deepest value on the way. Of a key
   * given twice it is the last one, whose value counts.
   */
  placeOf(path: readonly string[]): Place {
    let node = this.#root;
    for (const key of path) {
      const { type, children = [] } = node;
      const next =
        type === 'object'
          ? children.findLast(({ children: pair }) => pair?.[0]?.value === key)?.children?.[1]
          : children[Number(key)];
      if (!next) break;
      node = next;
    }
    return placeAt(this.#text, node.offset);
  }
}

/** `CommaExpected` becomes `comma expected`. */
const inWords = (code: string): string => code.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();

function placeAt(text: string, offset: number): Place {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1) as string).length + 1 };
}
