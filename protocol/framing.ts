/** Bytes to lines, for both ends of the wire. [P1] [P2] of docs/protocol.md */

/** A whole line, or the reason why nothing more can be read from this peer. */
export type Frame = { readonly line: string } | { readonly fault: 'too_long' | 'not_utf8'; readonly message: string };

const NEWLINE = 0x0a;

/**
 * Cuts a byte stream into lines. Holds at most one unfinished line of `limitBytes`, whatever is fed to it.
 * After a fault it stays silent: the peer is not to be trusted with where the next line begins.
 */
export class LineFramer {
  readonly #limitBytes: number;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #broken = false;

  /** `limitBytes` counts a line's bytes, its `\n` included. */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** The lines that end in `chunk`, in order; at most one fault, as the last element. */
  feed(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let start = 0;
    while (!this.#broken && start < chunk.length) {
      const end = chunk.indexOf(NEWLINE, start);
      const piece = chunk.subarray(start, end === -1 ? chunk.length : end);
      // With the newline the line may be limitBytes long; without one in sight it is too long already at that length.
      if (this.#heldBytes + piece.length >= this.#limitBytes) {
        frames.push(this.#break('too_long', `a line may be at most ${this.#limitBytes} bytes long`));
        break;
      }
      if (end === -1) {
        // A copy: the caller's chunk is a window on a buffer that the socket uses again.
        this.#held.push(piece.slice());
        this.#heldBytes += piece.length;
        break;
      }
      frames.push(this.#decode(piece));
      start = end + 1;
    }
    return frames;
  }

  #decode(last: Uint8Array): Frame {
    const bytes = this.#held.length === 0 ? last : Buffer.concat([...this.#held, last]);
    this.#held = [];
    this.#heldBytes = 0;
    try {
      return { line: this.#decoder.decode(bytes) };
    } catch {
      return this.#break('not_utf8', 'a line must be UTF-8');
    }
  }

  #break(fault: 'too_long' | 'not_utf8', message: string): Frame {
    this.#broken = true;
    this.#held = [];
    this.#heldBytes = 0;
    return { fault, message };
  }
}
