/** What attacks cost a server and an agent that behaves well: each attack by itself, then all at once. */
import { ATTACK_NAMES, attack, UNPACED } from '../attacks/attacks.ts';
import { fortress, MEMORY_LIMIT_MIB } from '../attacks/fortress.ts';
import { acknowledgedApart } from '../attacks/good-agent-thread.ts';

const EVENTS = 200;
const EVERY_MS = 30;
/** docs/limits.md: the acknowledgement of an agent that behaves well, p99. */
const ACKNOWLEDGED_MS = 100;

/** Measures one attack after the other, each on a server of its own. */
export async function run(): Promise<{ name: string; value: string; note: string }[]> {
  const rows: { name: string; value: string; note: string }[] = [];
  const measured = [[], ...ATTACK_NAMES.map((name) => [name]), [UNPACED], ATTACK_NAMES] as const;
  for (const names of measured) {
    const { target, goodToken, idleMiB, peakMiB, close } = await fortress();
    const stop = attack(target, names);
    const tookMs = (await acknowledgedApart(target.port, goodToken, EVENTS, EVERY_MS)).sort((a, b) => a - b);
    stop();
    const name = names.length === 0 ? 'no attack' : names.length === 1 ? names[0] : 'all attacks at once';
    const at = (share: number): string => (tookMs[Math.ceil(EVENTS * share) - 1] ?? 0).toFixed(1);
    rows.push({
      name: `${name}`.slice(0, 56),
      value: `p99 ${at(0.99)} ms`,
      note: `p50 ${at(0.5)} ms (goal: p99 ${ACKNOWLEDGED_MS}); memory +${(peakMiB() - idleMiB).toFixed()} MiB (bound: ${MEMORY_LIMIT_MIB})`,
    });
    await close();
  }
  return rows;
}
