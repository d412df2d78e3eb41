/** Describes the outcome of one delivery. */

/** Says that a message was delivered; or why not, and whether and when another delivery may help. */
export type Delivery =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** The reason, without the channel's address, which often is a secret. */
      readonly fault: string;
      /** The time that the receiver asks to wait, milliseconds; null where it does not say. */
      readonly retryAfterMs: number | null;
      /** True where the receiver answered that it does not take this message: a retry helps only after somebody changes something. */
      readonly refused: boolean;
    };

/** A receiver may take this long to answer. */
export const DELIVERY_LIMIT_MS = 10_000;
/** A receiver's answer is shown up to this many characters. */
export const ANSWER_SHOWN = 200;

/** Returns a fault without a time to wait. */
export const faulty = (fault: string, refused = false): Delivery => ({ ok: false, fault, retryAfterMs: null, refused });
