/** `alphaclient status`: what the agent of a state folder has read, has still to send, and has had acknowledged. */
import { escapeText } from '../../service/escape.ts';
import { summarize } from '../outbox/summary.ts';
import type { ReaderState } from '../sshd/reader.ts';
import { Reader } from '../sshd/reader.ts';
import { lastAlive, readAlive } from './heartbeat.ts';

interface Io {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
}

/** Prints the status of a folder, as text or with `--json` as one object. Returns the exit code: 0, or 1 when there is no agent's folder. */
export function status(folder: string, json: boolean, nowMs: number, io: Io): number {
  const summary = summarize(folder);
  if (!summary) {
    io.error(`There is no agent's state in ${folder}: set ALPHACLIENT_STATE to the folder of a running agent\n`);
    return 1;
  }
  const alive = readAlive(folder, nowMs);
  const logs = summary.logs.map(({ log, bookmark }) => {
    const reader = new Reader((bookmark.reader as { reader?: ReaderState } | null)?.reader ?? null);
    return { log, ...reader.counts(), shapes: reader.shapes() };
  });
  const told = {
    agent: summary.agent,
    running: alive !== null,
    state: alive?.state ?? notRunning(folder),
    behindBytes: alive?.behindBytes ?? null,
    connected: alive?.connected ?? false,
    events: summary.events,
    waiting: summary.waiting,
    acknowledged: summary.events - summary.waiting,
    declaredLost: summary.declaredLost,
    gaps: summary.gaps,
    logs,
  };
  io.out(json ? `${JSON.stringify(told)}\n` : `${inWords(told).join('\n')}\n`);
  return 0;
}

/** An agent that ended in order took its sign away; another was killed, hangs, or its disk has become read-only. */
function notRunning(folder: string): string {
  const last = lastAlive(folder);
  return last ? `no sign of life since ${new Date(last.atMs).toISOString()}` : 'not running';
}

type Told = Record<'agent' | 'state', string> & {
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
  } & Record<'lines' | 'unknown' | 'forged', number>)[];
};

/** The most shapes and gaps that are listed. */
const LISTED = 20;

function inWords(told: Told): string[] {
  const behind = told.behindBytes ? [`behind by ${told.behindBytes} bytes`] : [];
  const connected = told.running ? [told.connected ? 'connected' : 'not connected'] : [];
  const state = told.state === 'behind' && behind.length > 0 ? [] : [told.state];
  const lines = [
    `agent         ${told.agent}`,
    `state         ${[...state, ...behind, ...connected].join(', ')}`,
    `events        ${told.events}`,
    `acknowledged  ${told.acknowledged}`,
    `to send       ${told.waiting}`,
    `lost          ${told.declaredLost} lines declared`,
  ];
  for (const gap of told.gaps.slice(-LISTED)) lines.push(`  ${gap.at}  ${escapeText(gap.text)}`);
  for (const log of told.logs) {
    lines.push(
      `log           ${escapeText(log.log)}: ${log.lines} lines read, ${log.unknown} not understood, ${log.forged} forged`,
    );
    for (const { count, shape, sample } of log.shapes.slice(0, LISTED))
      lines.push(`  ${String(count).padStart(7)}  ${escapeText(shape)}`, `           such as: ${escapeText(sample)}`);
  }
  return lines;
}
