/** `alphaserver forget host|agent NAME`. */
import type { ProgramIo } from '../../service/command-line.ts';
import { escapeText } from '../../service/escape.ts';
import { ask } from '../../service/mailbox.ts';
import { UserError } from '../../service/user-error.ts';
import { type ForgetRequest, type Forgettable, forget } from '../ingest/forget.ts';
import type { Forgotten } from '../store/agents.ts';
import { EventStore } from '../store/event-store.ts';
import { hasStore, isInUse } from '../store/folder.ts';

/**
 * Forgets a host or an agent: a running server does it, otherwise this process. Rejects with a UserError where there is none of
 * this name, where its agent is connected, and where the server does not answer.
 */
export async function forgetCommand(
  kind: Forgettable,
  name: string,
  dataFolder: string,
  { stdout }: Pick<ProgramIo, 'stdout'>,
): Promise<number> {
  if (!hasStore(dataFolder))
    throw new UserError(
      `there is no store in ${escapeText(dataFolder)}: set ALPHASERVER_DATA to the folder of an alphaserver`,
    );
  const { agents, hosts } = isInUse(dataFolder)
    ? await byServer({ command: 'forget', kind, name }, dataFolder)
    : await byMyself(kind, name, dataFolder);
  for (const agent of agents) stdout.write(`forgot agent ${agent}\n`);
  for (const host of hosts) stdout.write(`forgot host ${escapeText(host)}\n`);
  return 0;
}

async function byServer(request: ForgetRequest, dataFolder: string): Promise<Forgotten> {
  const answer = await ask(dataFolder, request);
  if ('fault' in answer) throw new UserError(answer.fault);
  return answer.value as Forgotten;
}

async function byMyself(kind: Forgettable, name: string, dataFolder: string): Promise<Forgotten> {
  const store = new EventStore(dataFolder);
  try {
    if (store.logPosition > 0)
      throw new UserError(
        `the store in ${escapeText(dataFolder)} is a copy of a log that servers share: start its alphaserver, or forget on one that runs`,
      );
    const done = await forget(store, { kind, name }, () => false);
    if ('fault' in done) throw new UserError(done.fault);
    return done.forgotten;
  } finally {
    await store.close();
  }
}
