/** Asks every part of a running server for what a scrape tells. */
import manifest from '../../package.json' with { type: 'json' };
import type { AlertThread } from '../alerting/alert-thread.ts';
import type { GroupCommit } from '../ingest/group-commit.ts';
import type { Listener } from '../ingest/listener.ts';
import { SILENT_AFTER_MS } from '../queries/agent-state.ts';
import type { StoredFigures } from '../queries/metrics.ts';
import { diskUse } from '../store/disk.ts';
import { HOST_SERIES_LIMIT } from './families.ts';
import type { Figures } from './samples.ts';

/** The parts. */
export interface Parts {
  readonly store: {
    figures(nowMs: number, seriesLimit: number): Promise<StoredFigures>;
    silentAgents(beforeMs: number, connected: (agent: string) => boolean): number;
  };
  readonly dataFolder: string;
  readonly ingest: Pick<GroupCommit, 'waitingEvents'>;
  readonly listener: Pick<Listener, 'agents' | 'connections' | 'receivedBytes' | 'isConnected'>;
  readonly live: Pick<Figures, 'viewers'>;
  readonly alerts: Pick<AlertThread, 'progress'>;
  readonly channels: () => Figures['channels'];
  /** The reason why nothing can be stored at the moment, or null. */
  readonly ready: () => string | null;
  readonly commitsFailed: () => number;
  readonly certificates: () => Figures['certificates'];
  readonly now: () => number;
}

/** The figures of this moment. A store that cannot be read gives none of its own; nothing here rejects. */
export async function figuresOf(parts: Parts): Promise<Figures> {
  const { store, ingest, listener, live } = parts;
  const nowMs = parts.now();
  const isConnected = (agent: string): boolean => listener.isConnected(agent);
  const [stored, disk] = await Promise.all([
    store.figures(nowMs, HOST_SERIES_LIMIT).catch(() => null),
    diskUse(parts.dataFolder),
  ]);
  return {
    stored,
    agentsConnected: listener.agents,
    agentsSilent: store.silentAgents(nowMs - SILENT_AFTER_MS, isConnected),
    isConnected,
    connections: listener.connections,
    receivedBytes: listener.receivedBytes,
    commitsFailed: parts.commitsFailed(),
    waitingEvents: ingest.waitingEvents,
    ready: parts.ready() === null,
    ...disk,
    alertLagMs: parts.alerts.progress.lagMs,
    channels: parts.channels(),
    certificates: parts.certificates(),
    viewers: live.viewers,
    version: manifest.version,
  };
}
