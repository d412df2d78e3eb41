/** The promises of an event store to the rest of the server. */
import type { LoginEvent, Trust } from '../../protocol/event.ts';
import type { AgentReport, DeclaredGap, ShapeCount } from '../../protocol/report.ts';
import type { EndCause, OpenSessions, SessionEnd } from '../../protocol/session.ts';
import type { NewDecision } from './decisions.ts';

/** An event with its number in its agent's order. */
export interface SequencedEvent {
  /** Null only for one that is copied from a store of a version that did not keep it. */
  readonly seq: number | null;
  readonly event: LoginEvent & { readonly at: string };
}

/** The end of a session with its number in its agent's order. */
export interface NumberedEnd {
  readonly number: number;
  readonly end: SessionEnd;
}

/** Events of one agent, in the order they came. `host` is the agent's own name, used where an event names none. */
export interface AgentBatch {
  readonly agent: string;
  readonly host: string;
  readonly events: readonly SequencedEvent[];
  /** Ends of sessions, in the order they came, each behind the event that the session began with. */
  readonly ends?: readonly NumberedEnd[];
  /** The content of a ping; its totals only grow. */
  readonly ping?: PingContent;
  /** Time at which the agent was last heard, Unix milliseconds, where that was before this call. */
  readonly seenMs?: number;
  /** The change that an admitted hello makes to the bindings of agents to identities. */
  readonly binding?: BindingChange;
  /** Events that a shared log left out as repeats; they are counted as such. */
  readonly repeats?: number;
}

/** True for a batch that changes nothing but what is known of the agent's health. It makes no agent known, and is no part of a shared log. */
export const isHeartbeat = ({ events, ping, binding }: AgentBatch): boolean =>
  events.length === 0 &&
  binding === undefined &&
  ping?.open === undefined &&
  ping?.shapes.length === 0 &&
  ping.gaps.length === 0;

/** The counts of a host's events that are stored nowhere any more. */
export interface HostCounts {
  readonly host: string;
  readonly firstSeenMs: number;
  readonly accepted: number;
  readonly failed: number;
  readonly probes: number;
}

/** A row of a table, with the agent's own id, and the host's name where it has one, in the place of the store's numbers. */
export type BaseRow = Readonly<Record<string, string | number | null>> & { readonly agent: string };

/** A row of a table of keys, with the host's name in the place of the store's number. */
export type KeyRow = Readonly<Record<string, string | number | null>> & { readonly host: string };

/** The beginning of a store that is copied, or whose first events are stored nowhere any more. */
export interface StoreBase {
  /** Each with the id of the agent that reported it last; without one where that is not known. */
  readonly hosts: readonly (HostCounts & { readonly agent?: string })[];
  readonly agents: readonly (BaseRow & { readonly lastSeq: number })[];
  readonly sessions: readonly BaseRow[];
  readonly gaps: readonly BaseRow[];
  readonly shapes: readonly BaseRow[];
  /** The uses of keys, and the last ones whose logins are stored no more; each with its host's name. */
  readonly keyUses: readonly KeyRow[];
  readonly earlierKeyUses: readonly KeyRow[];
}

/** An append as a shared log has it: its position, the ids that it decided on, and the decisions of the same append. */
export interface AppendPlace {
  readonly position: number;
  /** The id of its first event. */
  readonly firstId: number;
  /** True for events that were copied from another store: agents are known as that store had them, and are not counted again. */
  readonly isCopied: boolean;
  /** Decisions of the same append. */
  readonly decisions: readonly NewDecision[];
}

/** A change of the bindings of agents to identities: a token's or a certificate's name. */
export interface BindingChange {
  /** The identity that the batch's agent belongs to from now on. */
  readonly identity: string;
  /** The agent that it ends, or null. */
  readonly ends: string | null;
  /** True when two agents use the identity, or two processes the agent's state folder. */
  readonly isClone: boolean;
}

/** An agent and the identity that it belongs to, as the store has them. */
export interface Binding {
  readonly agent: string;
  readonly host: string;
  /** Null for an agent that came without a proof, or was stored by an earlier version. */
  readonly identity: string | null;
  readonly firstSeenMs: number;
  /** True when the identity has brought a newer agent since. */
  readonly hasEnded: boolean;
}

/** An event as it stands in the store. Ids grow with each stored event, in the order they were stored. */
export interface StoredEvent extends LoginEvent {
  readonly id: number;
  readonly at: string;
  readonly agent: string;
  readonly host: string;
  readonly storedAt: string;
  /** Its number in its agent's order; null for one stored by a version that did not keep it. */
  readonly seq: number | null;
}

/**
 * Something that is known to be missing: part of a log that an agent could not read and declared, or, of the kind
 * `missing-events`, events whose `seq` was jumped over. Ids grow in the order gaps were stored.
 */
export interface StoredGap {
  readonly id: number;
  readonly agent: string;
  readonly host: string;
  readonly at: string;
  readonly kind: string;
  /** A description of it in words. */
  readonly text: string;
  /** Bytes and lines missing from the log, and events missing; null where the number is not known. */
  readonly bytes: number | null;
  readonly lines: number | null;
  readonly events: number | null;
}

/** A login and its end, as they stand in the store. Times are ISO 8601; null where it is not known, or not yet. */
export interface StoredSession {
  readonly id: number;
  readonly agent: string;
  readonly host: string;
  readonly user: string | null;
  readonly method: string | null;
  readonly key: string | null;
  readonly ip: string | null;
  readonly port: number | null;
  readonly pid: number | null;
  readonly trust: Trust | null;
  readonly since: string | null;
  readonly until: string | null;
  readonly lastedSeconds: number | null;
  readonly how: EndCause | null;
  /** The time at which the kernel of its host last had the connection. */
  readonly confirmedAt: string | null;
  /** False where its agent follows it no more, and did not say that it ended. */
  readonly followed: boolean;
}

/** The numbers of an agent up to which all is stored. */
export interface Mark {
  /** The highest seq of this agent that is stored now: what may be acknowledged. */
  readonly lastSeq: number;
  /** The highest number of an end of this agent that is stored now. */
  readonly lastEnd: number;
}

/** The result of one AgentBatch. */
export interface Appended extends Mark {
  /** The ids of the sessions that began or ended, each once. */
  readonly sessions: readonly number[];
  /** Events stored by this call. */
  readonly stored: number;
  /** Events dropped because their seq was stored before. */
  readonly repeats: number;
  /** Seqs that were jumped over. */
  readonly missing: number;
  /** Each host that had new attempts, with how many it has had since it was first seen. */
  readonly totals: readonly { readonly host: string; readonly attempts: number }[];
  /** The stored events, for listeners after the commit. */
  readonly events: readonly StoredEvent[];
  /** Gaps that were not known before. */
  readonly gaps: readonly StoredGap[];
}

/** The statements of an agent about itself in one ping. */
export interface PingContent {
  readonly report: AgentReport | null;
  readonly shapes: readonly ShapeCount[];
  readonly gaps: readonly DeclaredGap[];
  /** All open sessions of the agent, where the list differs from the one before, or is due again. */
  readonly open?: OpenList;
}

/** The open sessions of an agent. */
export interface OpenList extends Omit<OpenSessions, 'from'> {
  /** Sessions whose `accepted` has a `seq` up to this one are in the list where they are open. */
  readonly upToSeq: number;
}

/** Raised when the disk does not take the data. Nothing of the call is stored; it may be tried again. `disk` names whose disk it is. */
export class StoreError extends Error {
  readonly code: 'full' | 'failed' | 'damaged';
  constructor(code: 'full' | 'failed' | 'damaged', cause: unknown, disk = 'the disk') {
    super(code === 'full' ? `${disk} is full` : `the store ${code === 'damaged' ? 'is damaged' : 'cannot write'}`, {
      cause,
    });
    this.code = code;
  }
}

/** The write side. One process has a store open. */
export interface Store {
  /**
   * Stores batches of any agents in one transaction, idempotent by (agent, seq) and by a declared gap's number. Resolves,
   * with one Appended a batch, after they are durable; rejects with a StoreError and then none of it is stored. One that is a copy
   * of a shared log calls `durable` with a batch's place as soon as that log has it, and resolves once the copy has it too; where it
   * rejects after that, the same batches given again are repeats.
   */
  append(
    batches: readonly AgentBatch[],
    nowMs: number,
    durable?: (place: number, mark: Mark) => void,
  ): Promise<Appended[]>;
  /** Closes the files. */
  close(): Promise<void>;
}
