/** What an uplink is given. */
import type { Socket } from 'node:net';
import type { AgentReport, DeclaredGap, ShapeCount } from '../../protocol/report.ts';
import type { Logger } from '../../service/logger.ts';
import type { Outbox } from '../outbox/outbox.ts';

/** What an uplink needs of an outbox. */
export type Queue = Pick<
  Outbox,
  'agent' | 'lastSeq' | 'acked' | 'resumed' | 'after' | 'acknowledge' | 'expect' | 'renew'
>;

/** The outbox, the server, the clock and the chance of one uplink. */
export interface UplinkOptions {
  readonly outbox: Queue;
  /** Events sent and not yet acknowledged, at most; default WINDOW_EVENTS. */
  readonly windowEvents?: number;
  readonly host: string;
  readonly token: string | null;
  /** Opens a connection to the next server in turn; the caller owns addresses and TLS. */
  readonly connect: (turn: number) => { readonly socket: Socket; readonly name: string };
  /** What a ping tells besides being one; `fresh` on a new connection, where nothing has been told yet. */
  readonly tell: (fresh: boolean) => {
    readonly report: AgentReport;
    readonly shapes: readonly ShapeCount[];
    readonly gaps: readonly DeclaredGap[];
  };
  /** Hears that the outbox cannot be read. */
  readonly failed: (error: unknown) => void;
  readonly log: Logger;
  readonly now: () => number;
  readonly chance: () => number;
}
