/** What became of one try to deliver a message. */

/** Delivered, or why not and what may help. */
export type Delivery =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** Why, in words that hold no secret: an address of a channel often is one. */
      readonly fault: string;
      /** How long the receiver wants to be left alone, milliseconds; null where it did not say. */
      readonly retryAfterMs: number | null;
      /** True when the receiver is there and will not take this message: trying again helps only once somebody mends something. */
      readonly refused: boolean;
    };

/** How long a receiver may take to answer. */
export const DELIVERY_LIMIT_MS = 10_000;
/** How much of a receiver's answer is shown, in characters. */
export const ANSWER_SHOWN = 200;

/** A fault that says nothing of when to try again. */
export const faulty = (fault: string, refused = false): Delivery => ({ ok: false, fault, retryAfterMs: null, refused });
