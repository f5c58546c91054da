/** Time as it passes outside: what agents say arrives before the town looks, and alarms ring when they are due. */
import { runDurableObjectAlarm } from 'cloudflare:test';
import { lab } from './lab.ts';
import type { TestTown } from './town.ts';

/** The longest step (ms) in which something happens, where heartbeats are rare; elsewhere it is half of a heartbeat. */
const LONGEST_STEP_MS = 60_000;
export const MINUTE = 60_000;

/** Lets `ms` pass. `ring` lets an alarm ring that is due; where it may die, the caller sees to it that it rings again. */
export async function pass(
  town: TestTown,
  ms: number,
  ring: () => Promise<unknown> = () => runDurableObjectAlarm(town.stub),
): Promise<void> {
  const until = lab.clock.now() + ms;
  const stepMs = Math.min(LONGEST_STEP_MS, lab.heartbeatMs / 2);
  await settled();
  while (lab.clock.now() < until) {
    const now = lab.clock.now();
    const alarm = (await town.alarmAt()) ?? until;
    // Where no container has anything to do, time passes at once.
    const step = Math.max(now + stepMs, lab.clock.nextTimerAt());
    lab.clock.advance(Math.min(until, step, Math.max(alarm, now)) - now);
    await settled();
    const due = await town.alarmAt();
    if (due !== null && due <= lab.clock.now() + 1) {
      lab.clock.advance(Math.max(0, due - lab.clock.now()));
      await ring();
      await settled();
    }
  }
}

/** Whatever can arrive has arrived; what hangs is not waited for. */
async function settled(): Promise<void> {
  let quiet = 0;
  for (let turn = 0; turn < 60 && quiet < 3; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, turn < 20 ? 0 : 5));
    quiet = lab.busy === 0 ? quiet + 1 : 0;
  }
}

/** From here on nothing that these agents say reaches the Worker; returns what lets it through again. */
export function silence(...agents: readonly string[]): () => void {
  for (const agent of agents) lab.silent.add(agent);
  return () => agents.forEach((agent) => lab.silent.delete(agent));
}

/** The network between the town and one of its containers is gone, both ways; returns what brings it back. */
export function cutOff(town: TestTown, index = 0): () => void {
  const container = town.container(index);
  const { network, outgoing } = container;
  const gone = (): Promise<never> => Promise.reject(new TypeError('the connection was reset'));
  container.network = gone;
  container.outgoing = gone;
  return () => Object.assign(container, { network, outgoing });
}

/** What this town's agents report of their turns does not arrive; returns what lets it through again. */
export function withholdReports(town: TestTown, index = 0): () => void {
  const container = town.container(index);
  const { outgoing } = container;
  container.outgoing = async (path, send) => {
    if (path === '/v1/agent/events') throw new TypeError('the connection was reset');
    return send();
  };
  return () => Object.assign(container, { outgoing });
}

export async function eventsOf(town: TestTown, type: string): Promise<Record<string, unknown>[]> {
  return (await town.events()).filter((event) => event.type === type).map(({ data }) => data);
}
