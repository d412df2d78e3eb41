/**
 * Codes with which hosts join, and the hosts that did, on all servers: each code and each use of one is a decision in the shared log.
 * Its order says who came first, so that a code lets in no more hosts than it is good for, wherever they come.
 */
import type { Decision, NewDecision } from '../store/decisions.ts';

/** The kinds of decisions: a code was made, a host asks to join, a host joined before its server shared a log. */
export const CODE_DECISION = 'code';
export const JOIN_DECISION = 'join';
export const JOINED_DECISION = 'joined';
/** Interval at which codes of `alphaserver enroll` are looked for, and what failed is tried again. */
const LOOK_EVERY_MS = 1_000;
/** To take over what was decided, and to give the log what it lacks. No subject has such a name. */
const DECIDED = ' decided';
const SHARED = ' shared';
/** Decisions read at a time. */
const STEP_DECISIONS = 500;

/** A folder with one file a thing, named by its subject. */
export interface NamedFiles {
  names(): readonly string[];
  /** Gives a file's content; null where there is none, or no whole one. */
  content(name: string): object | null;
}

/** The folders, and the two ends of the log. */
export interface SharedJoinsOptions {
  readonly codes: NamedFiles;
  readonly hosts: NamedFiles;
  /** Takes over one decision of the log. Called in its order, and perhaps again after a crash. */
  readonly apply: (decision: Decision) => void;
  /** Appends decisions to the shared log. */
  readonly decide: (decisions: readonly NewDecision[]) => Promise<void>;
  /** Gives decisions of the three kinds above an id, in order. */
  readonly after: (id: number, limit: number) => readonly Decision[];
  /** Gives and keeps the id up to which decisions were taken over. */
  readonly position: () => number;
  readonly moved: (id: number) => void;
  readonly failed: (error: unknown) => void;
}

/** Starts with the construction. */
export class SharedJoins {
  readonly #options: SharedJoinsOptions;
  readonly #timer: NodeJS.Timeout;
  /** The facts that the log has, or was given, by their kind and subject. */
  readonly #known = new Set<string>();
  #sharing: Promise<void> | null = null;
  #isClosed = false;
  /** True where what was decided could not be taken over: it is tried again at the next look. */
  #isBehind = false;
  /** What fails since an earlier look: DECIDED, SHARED, and files that cannot be read, by their subjects. */
  readonly #failing = new Set<string>();

  constructor(options: SharedJoinsOptions) {
    this.#options = options;
    for (let id = 0; ; ) {
      const read = options.after(id, STEP_DECISIONS);
      for (const { kind, subject, body } of read) this.#know(kind, subject, body);
      const last = read.at(-1);
      if (last === undefined) break;
      id = last.id;
    }
    this.decided();
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
    this.#look();
  }

  /** Takes over what was decided since the last time. Throws where the folder cannot be read or written; that is tried again. */
  decided(): void {
    const { after, position, moved, apply } = this.#options;
    this.#isBehind = true;
    for (;;) {
      const read = after(position(), STEP_DECISIONS);
      for (const decision of read) {
        apply(decision);
        this.#know(decision.kind, decision.subject, decision.body);
      }
      const last = read.at(-1);
      if (last === undefined) break;
      moved(last.id);
    }
    this.#isBehind = false;
  }

  /** Asks to use a code. Afterwards the folder has what came of it. Rejects with a StoreError when the log does not take it. */
  async join(code: string, body: object): Promise<void> {
    await this.#share();
    await this.#options.decide([{ kind: JOIN_DECISION, subject: code, by: null, body }]);
    this.decided();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#sharing?.catch(() => {});
  }

  #know(kind: string, subject: string, body: object): void {
    this.#known.add(`${kind} ${subject}`);
    if (kind === JOIN_DECISION) this.#known.add(`${JOINED_DECISION} ${(body as { name?: string }).name}`);
  }

  #look(): void {
    try {
      if (this.#isBehind) this.decided();
      this.#failing.delete(DECIDED);
    } catch (error) {
      this.#fails(DECIDED, error);
    }
    this.#share().then(
      () => this.#failing.delete(SHARED),
      (error: unknown) => this.#fails(SHARED, error),
    );
  }

  /** Reports why something fails, once until it no longer does: the same is to be expected at each look. */
  #fails(what: string, error: unknown): void {
    if (!this.#failing.has(what)) this.#options.failed(error);
    this.#failing.add(what);
  }

  /** Gives a file's content; null where it cannot be read: one keeps no other back. */
  #contentOf(files: NamedFiles, subject: string): object | null {
    try {
      const content = files.content(subject);
      this.#failing.delete(subject);
      return content;
    } catch (error) {
      this.#fails(subject, error);
      return null;
    }
  }

  /** Gives the log what it lacks of the folders. */
  #share(): Promise<void> {
    this.#sharing ??= this.#give().finally(() => {
      this.#sharing = null;
    });
    return this.#sharing;
  }

  async #give(): Promise<void> {
    const { codes, hosts, decide } = this.#options;
    const new_ = (kind: string, files: NamedFiles): NewDecision[] =>
      files
        .names()
        .filter((subject) => !this.#known.has(`${kind} ${subject}`))
        .flatMap((subject) => {
          const body = this.#contentOf(files, subject);
          return body === null ? [] : [{ kind, subject, by: null, body }];
        });
    const given = [...new_(CODE_DECISION, codes), ...new_(JOINED_DECISION, hosts)];
    if (given.length === 0 || this.#isClosed) return;
    await decide(given);
    for (const { kind, subject, body } of given) this.#know(kind, subject, body);
  }
}
