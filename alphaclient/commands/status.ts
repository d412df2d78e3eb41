/** `alphaclient status`: prints what the agent of a state folder has read, has still to send, and has had acknowledged. */
import { escapeText } from '../../service/escape.ts';
import { currentHeartbeat, lastHeartbeat } from '../heartbeat.ts';
import { isLocked } from '../outbox/database.ts';
import { summarize } from '../outbox/summary.ts';
import type { ReaderState } from '../sshd/reader.ts';
import { Reader } from '../sshd/reader.ts';

interface Io {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
}

/** Prints the status of a folder, as text or with `--json` as one object. Returns the exit code: 0, or 1 when there is no agent's folder. */
export function status(folder: string, json: boolean, nowMs: number, io: Io): number {
  const summary = summarize(folder);
  if (!summary) {
    io.error(
      `No agent has run with the folder ${folder} yet: start it, or set ALPHACLIENT_STATE to the folder of one that has\n`,
    );
    return 1;
  }
  const running = isLocked(folder);
  const heartbeat = running ? currentHeartbeat(folder, nowMs) : null;
  const logs = summary.logs.map(({ log, bookmark }) => {
    const reader = new Reader((bookmark.reader as { reader?: ReaderState } | null)?.reader ?? null);
    return { log, ...reader.counts(), shapes: reader.shapes(), forgeries: reader.forgeries() };
  });
  const report = {
    agent: summary.agent,
    running,
    state: heartbeat?.state ?? withoutHeartbeat(running, folder),
    behindBytes: heartbeat?.behindBytes ?? null,
    connected: heartbeat?.connected ?? false,
    events: summary.events,
    waiting: summary.waiting,
    acknowledged: summary.events - summary.waiting,
    declaredLost: summary.declaredLost,
    gaps: summary.gaps,
    logs,
  };
  io.out(json ? `${JSON.stringify(report)}\n` : `${textOf(report).join('\n')}\n`);
  return 0;
}

/** Says in what state an agent without a current heartbeat is: its lock ends with its process, and its heartbeat only in order. */
function withoutHeartbeat(running: boolean, folder: string): string {
  const last = lastHeartbeat(folder);
  const at = last && new Date(last.atMs).toISOString();
  if (running) return at === null ? 'starting' : `no heartbeat since ${at}: it hangs, or its disk is full or read-only`;
  return at === null ? 'not running' : `not running: it was killed, with its last heartbeat at ${at}`;
}

type StatusReport = Record<'agent' | 'state', string> & {
  readonly connected: boolean;
  readonly running: boolean;
  readonly behindBytes: number | null;
  readonly events: number;
  readonly waiting: number;
  readonly acknowledged: number;
  readonly declaredLost: number;
  readonly gaps: readonly { readonly at: string; readonly text: string }[];
  readonly logs: readonly ({
    readonly log: string;
    readonly shapes: readonly { count: number; shape: string; sample: string }[];
    readonly forgeries: readonly { at: string | null; line: number; message: string }[];
  } & Record<'lines' | 'unknown' | 'forged', number>)[];
};

/** The shapes and gaps that are listed, at most. */
const LISTED_LIMIT = 20;

function textOf(report: StatusReport): string[] {
  const behind = report.behindBytes ? [`behind by ${report.behindBytes} bytes`] : [];
  const connected = report.running ? [report.connected ? 'connected' : 'not connected'] : [];
  const state = report.state === 'behind' && behind.length > 0 ? [] : [report.state];
  const lines = [
    `agent         ${report.agent}`,
    `state         ${[...state, ...behind, ...connected].join(', ')}`,
    `events        ${report.events}`,
    `acknowledged  ${report.acknowledged}`,
    `to send       ${report.waiting}`,
    `lost          ${report.declaredLost} lines declared`,
  ];
  for (const gap of report.gaps.slice(-LISTED_LIMIT)) lines.push(`  ${gap.at}  ${escapeText(gap.text)}`);
  for (const log of report.logs) {
    lines.push(
      `log           ${escapeText(log.log)}: ${log.lines} lines read, ${log.unknown} not understood, ${log.forged} forged`,
    );
    for (const { count, shape, sample } of log.shapes.slice(0, LISTED_LIMIT))
      lines.push(`  ${String(count).padStart(7)}  ${escapeText(shape)}`, `           such as: ${escapeText(sample)}`);
    for (const { at, line, message } of log.forgeries)
      lines.push(`  ${escapeText(at ?? 'without a time')}  forged, line ${line}: ${escapeText(message)}`);
  }
  return lines;
}
