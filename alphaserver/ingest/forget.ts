/** Forgets agents and hosts that are gone: `alphaserver forget`. Their events, and the counts of what happened, stay. */
import { escapeText } from '../../service/escape.ts';
import type { Logger } from '../../service/logger.ts';
import type { Answer } from '../../service/mailbox.ts';
import type { Forgotten } from '../store/agents.ts';

/** The kinds of what can be forgotten. */
export const FORGETTABLE = ['host', 'agent'] as const;
/** One of them. */
export type Forgettable = (typeof FORGETTABLE)[number];

/** A request to forget one host or one agent. */
export interface ForgetRequest {
  readonly command: 'forget';
  readonly kind: Forgettable;
  readonly name: string;
}

/** Holds what forgetting needs of a store. */
export interface ForgettingStore {
  belonging(kind: Forgettable, name: string): Forgotten | null;
  forget(forgotten: Forgotten): void | Promise<void>;
}

/** Holds what it needs of a running server besides. */
export interface RunningParts {
  readonly store: ForgettingStore;
  readonly admission: { forget(agents: readonly string[], hosts: readonly string[]): void };
  readonly listener: { forget(agents: readonly string[]): void };
  readonly isConnected: (agent: string) => boolean;
  readonly log: Pick<Logger, 'info'>;
}

/** A message repeats this many characters of a name. */
const SHOWN_LIMIT_CHARS = 80;

/** Forgets in a store. An agent that is connected, and a host of one, would come back at once: those are a fault. */
export async function forget(
  store: ForgettingStore,
  { kind, name }: Pick<ForgetRequest, 'kind' | 'name'>,
  isConnected: (agent: string) => boolean,
): Promise<{ readonly forgotten: Forgotten } | { readonly fault: string }> {
  const shown = escapeText(name, SHOWN_LIMIT_CHARS);
  const found = store.belonging(kind, name);
  if (found === null) return { fault: `there is no ${kind} ${shown}` };
  const connected = found.agents.find(isConnected);
  if (connected !== undefined)
    return { fault: `${kind} ${shown} cannot be forgotten: its agent ${connected} is connected; stop it first` };
  await store.forget(found);
  return { forgotten: found };
}

/** Answers a request of the command that was made to a running server. Never rejects. */
export async function answerForget(
  request: unknown,
  { store, admission, listener, isConnected, log }: RunningParts,
): Promise<Answer> {
  if (!isForgetRequest(request)) return { fault: 'this server does not know the request' };
  try {
    const done = await forget(store, request, isConnected);
    if ('fault' in done) return done;
    const { agents, hosts } = done.forgotten;
    admission.forget(agents, hosts);
    listener.forget(agents);
    log.info(`Forgot ${request.kind} ${escapeText(request.name)}: ${agents.length} agents and ${hosts.length} hosts`);
    return { value: done.forgotten };
  } catch (error) {
    const { cause, message } = error as Error;
    return { fault: `the store does not take it: ${cause instanceof Error ? cause.message : message}` };
  }
}

function isForgetRequest(request: unknown): request is ForgetRequest {
  const { command, kind, name } = (request ?? {}) as Partial<ForgetRequest>;
  return command === 'forget' && FORGETTABLE.some((one) => one === kind) && typeof name === 'string';
}
