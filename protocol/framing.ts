/** Bytes to lines, for both ends of the wire. [P1] [P2] of docs/protocol.md */

/** A whole line, or the reason why nothing more can be read from this peer. */
export type Frame = { readonly line: string } | { readonly fault: 'too_long' | 'not_utf8'; readonly message: string };

const NEWLINE = 0x0a;
/** The partial line's buffer begins at this size and doubles up to the limit of a line. */
const FIRST_BUFFER_BYTES = 256;
/** One for all connections, of which a server may have twenty thousand: without `stream`, a call of `decode` leaves nothing behind. */
const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Cuts a byte stream into lines. Holds at most one partial line of `limitBytes`, in one buffer of its own, however small the
 * chunks are that it comes in. After a fault it stays silent: the peer is not to be trusted with where the next line begins.
 */
export class LineFramer {
  readonly #limitBytes: number;
  /** Null between two lines: an idle connection holds no buffer. */
  #partial: Uint8Array | null = null;
  #partialBytes = 0;
  #broken = false;

  /** `limitBytes` counts a line's bytes, its `\n` included. */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes of the line that has begun and not ended. */
  get partialBytes(): number {
    return this.#partialBytes;
  }

  /** Gives the lines that end in `chunk`, in order; at most one fault, as the last element. Keeps no reference to `chunk`. */
  feed(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let start = 0;
    while (!this.#broken && start < chunk.length) {
      const end = chunk.indexOf(NEWLINE, start);
      const piece = chunk.subarray(start, end === -1 ? chunk.length : end);
      // With the newline the line may be limitBytes long; without one in sight it is too long already at that length.
      if (this.#partialBytes + piece.length >= this.#limitBytes) {
        frames.push(this.#break('too_long', `a line may be at most ${this.#limitBytes} bytes long`));
        break;
      }
      if (end === -1) {
        this.#append(piece);
        break;
      }
      frames.push(this.#decode(piece));
      start = end + 1;
    }
    return frames;
  }

  /** Copies `piece` behind the partial line: a view would keep the socket's whole packet alive for each of its bytes. */
  #append(piece: Uint8Array): void {
    const bytes = this.#partialBytes + piece.length;
    let partial = this.#partial;
    if (partial === null || bytes > partial.length) {
      const doubled = 2 * (partial?.length ?? 0);
      const grown = new Uint8Array(Math.min(this.#limitBytes, Math.max(bytes, doubled, FIRST_BUFFER_BYTES)));
      if (partial !== null) grown.set(partial.subarray(0, this.#partialBytes));
      partial = grown;
      this.#partial = grown;
    }
    partial.set(piece, this.#partialBytes);
    this.#partialBytes = bytes;
  }

  #decode(last: Uint8Array): Frame {
    let bytes = last;
    if (this.#partialBytes > 0) {
      this.#append(last);
      bytes = this.#partial?.subarray(0, this.#partialBytes) ?? last;
    }
    try {
      return { line: DECODER.decode(bytes) };
    } catch {
      return this.#break('not_utf8', 'a line must be UTF-8');
    } finally {
      this.#release();
    }
  }

  #break(fault: 'too_long' | 'not_utf8', message: string): Frame {
    this.#broken = true;
    this.#release();
    return { fault, message };
  }

  /** Drops the buffer, so that a connection between two lines holds none. */
  #release(): void {
    this.#partial = null;
    this.#partialBytes = 0;
  }
}
