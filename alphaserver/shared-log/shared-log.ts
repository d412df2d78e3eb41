/** The promises of a log that several servers share: one order of appends for all, each on the disks of a quorum when it resolves. */
import type { AgentReport } from '../../protocol/report.ts';
import type { NewDecision } from '../store/decisions.ts';
import type { AgentBatch, StoreBase } from '../store/store.ts';

/** One append of the log. Positions grow by 1, ids of events without a gap: every server that applies all appends has the same store. */
export interface LoggedAppend {
  readonly position: number;
  /** Time of the append by the log's own clock, Unix milliseconds; never before that of the append before. */
  readonly storedMs: number;
  /** The id of its first event; the id of the next append's first event where it has none. */
  readonly firstId: number;
  /** The append's own name, made by the server that appended it. */
  readonly name: string;
  /** True for one that was copied from an embedded store: what it says of agents is in the base. */
  readonly isCopied: boolean;
  /** The batches without the events that were stored before; `repeats` counts those. */
  readonly batches: readonly AgentBatch[];
  readonly decisions: readonly NewDecision[];
}

/** The place that an append got. */
export type LogPlace = Pick<LoggedAppend, 'position' | 'storedMs' | 'firstId'>;

/** An append that is to be made: batches and decisions. */
export interface NewAppend {
  readonly name: string;
  readonly batches: readonly AgentBatch[];
  readonly decisions: readonly NewDecision[];
}

/** The last sign of an agent's life, as the server has it that the agent is connected to. */
export interface Presence {
  readonly agent: string;
  readonly server: string;
  readonly isConnected: boolean;
  readonly heardMs: number;
  readonly report: AgentReport | null;
}

/** The ends of a log. `number` is its own, so that no folder of another log is taken for its copy. */
export interface LogBounds {
  readonly number: number;
  readonly newest: number;
  readonly oldest: number;
}

/** The news that other servers published, and the log's clock at that moment. */
export interface Exchanged {
  readonly others: readonly Presence[];
  readonly nowMs: number;
}

/** A secret as the log keeps it: `sealed` is encrypted, and the log does not know with what. */
export interface KeptSecret {
  readonly open: string;
  readonly sealed: string;
}

/** The secrets that servers of a log have in common. */
export interface SecretLog {
  /** Gives the secret of a name; null where there is none. */
  secret(name: string): Promise<KeptSecret | null>;
  /** Keeps a secret where there is none, or in the place of the one whose `open` is `replaces`. Gives the one that is kept now. */
  keepSecret(name: string, secret: KeptSecret, replaces: string | null): Promise<KeptSecret | null>;
}

/** A log that several servers append to and read. Every method rejects with a StoreError while the log cannot be reached. */
export interface SharedLog extends SecretLog {
  /**
   * Appends batches and decisions in one durable transaction. An event whose `seq` is not above the agent's last one in the
   * log is left out, whichever server appended that one. Appends are made in the order in which they are given; where one fails,
   * those that were given since fail with it: an agent's later numbers must not go in before its earlier ones.
   */
  append(what: NewAppend): Promise<LogPlace>;
  /** Lets other servers know at once of an append, and of all before it: they would find it within a second. */
  announce(name: string): void;
  /**
   * Tells whether the append at a position is the one of that time; true where it was deleted since. What a server has of a log may be in no
   * log any more, and another append in its place: after a promotion, or a backup that was restored. Asks again after a loss of the connection only.
   */
  has(position: number, storedMs: number): Promise<boolean>;
  /** Resolves once all that was read, and all that this server appended, is on the disks of a quorum: a crash of PostgreSQL shows what is not. */
  settled(): Promise<void>;
  /** Reads the appends after a position, in order; a bounded number at a time, none where there are no more. */
  read(after: number): Promise<LoggedAppend[]>;
  /** Gives the log's own number, the position of the newest append, and of the oldest that is still kept. */
  bounds(): Promise<LogBounds>;
  /** Gives what is known of events that the log does not have, for a server that begins with an empty store. */
  base(): Promise<StoreBase>;
  /** Sets the one listener that is called with the name of a new append, and once a second with null: there may be something new. */
  onNews(listener: (name: string | null) => void): void;
  /** Tries to become the one server that delivers notifications, or to remain it. */
  lead(): Promise<boolean>;
  /** Publishes the presence of this server's agents, and gives what the other servers published after a time. */
  exchange(server: string, own: readonly Presence[], afterMs: number): Promise<Exchanged>;
  /**
   * Deletes events and appends that were stored longer ago, by whole days: by the log's clock and by the caller's, so that one of them that
   * is wrong deletes nothing. The day of the newest append stays.
   */
  deleteOlderThan(retentionMs: number, nowMs: number): Promise<void>;
  close(): Promise<void>;
}
