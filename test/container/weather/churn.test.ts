/** K-03: agents come and go, and leave nothing behind. */
import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { IssuedToken } from '#protocol';
import { Registry } from '../../../container/clients/registry.ts';
import { AgentScene, SECONDS } from '../support/agent-scene.ts';
import { TestControlServer, message, type HeldSession } from '../support/control-server.ts';
import { agentId, containerName, sessionId } from '../../support/ids.ts';
import { collectGarbage, handles, heapBytes } from './support/footprint.ts';

const MIB = 1024 * 1024;
/**
 * What a thousand lives may add to the heap. The fake town keeps each token that it minted, about 1 MiB; an incarnation that stays
 * reachable costs some 6 KiB, so that a thousand of them would be past this.
 */
const HEAP_BOUND_BYTES = 4 * MIB;
const CYCLES = 1_000;

/** A registry that sees every cell, without keeping any alive. */
class WatchedRegistry extends Registry {
  readonly cells: WeakRef<object>[] = [];

  override open(...given: Parameters<Registry['open']>): ReturnType<Registry['open']> {
    this.cells.push(new WeakRef(given[0]));
    return super.open(...given);
  }

  get reachable(): number {
    return this.cells.filter((cell) => cell.deref() !== undefined).length;
  }
}

/** One life: a start, a client, work, a swap, and one of the ends that there are. */
async function live(control: TestControlServer, session: HeldSession, nth: number): Promise<void> {
  const agent = agentId(2 + (nth % 50));
  const issued = control.town.mint(agent, nth);
  expect((await control.start(session, issued)).body.outcome).toBe('started');
  control.registry.register(agent, { setToken: () => {} });
  await control.deliver(session, control.town.mint(agent, nth), message(nth, nth % 2 === 0 ? 'hello' : 'work 600'));
  if (nth % 10 === 0) await control.clock.advance(SECONDS);
  expect((await control.end(session, 'stop', agent, nth)).body.outcome).toBe('stopped');
}

/** The records of the test itself are no part of what is measured. */
function forgetRecords(control: TestControlServer): void {
  const { requests, events, counters, beats } = control.town;
  for (const record of [control.log.lines, requests, events, counters, beats]) record.length = 0;
}

describe('K-03: starts and stops', () => {
  it('K-03: 1,000 of them leave registry, timers, files, listeners and heap where they were', async () => {
    const registry = new WatchedRegistry();
    const { control, session, agent } = await TestControlServer.withAgent({ registry });
    const given: string[] = [];
    registry.register(agent, { setToken: (token) => void given.push(token) });
    for (let nth = 1; nth <= 200; nth += 1) await live(control, session, nth);
    const settleDown = async (): Promise<void> => {
      // Ids of push tokens are remembered for a minute and a half.
      await control.clock.advance(91 * SECONDS);
      await control.running(session);
      forgetRecords(control);
      await collectGarbage();
    };
    await settleDown();
    const before = { ...handles(), size: registry.size, pending: control.clock.pending };
    const heapBefore = heapBytes();

    for (let nth = 201; nth <= 200 + CYCLES; nth += 1) {
      await live(control, session, nth);
      if (nth % 100 === 0) forgetRecords(control);
    }
    await settleDown();
    expect({ ...handles(), size: registry.size, pending: control.clock.pending }).toEqual(before);
    expect(before).toMatchObject({ size: 1, pending: 0 });
    // Of all the cells one is reachable: that of the agent which lived all along, and got no other agent's token.
    expect(registry.cells).toHaveLength(1 + 200 + CYCLES);
    expect(registry.reachable).toBeLessThanOrEqual(2);
    expect(given).toHaveLength(1);
    expect(heapBytes() - heapBefore).toBeLessThan(HEAP_BOUND_BYTES);
  });

  it('K-03: teardowns of 1,000 agents leave a tombstone each, and nothing that grows with what they were', async () => {
    const registry = new WatchedRegistry();
    const control = await TestControlServer.make({ registry });
    const session = await control.session();
    for (let seed = 1; seed <= CYCLES; seed += 1) {
      const issued = control.town.mint(agentId(seed));
      await control.start(session, issued);
      await control.end(session, 'retire', issued.agent);
    }
    await collectGarbage();
    expect([registry.size, control.clock.pending]).toEqual([0, 0]);
    expect(registry.reachable).toBeLessThanOrEqual(1);
    expect((await control.refresh(session, control.town.mint(agentId(1)))).body.outcome).toBe('retired');
  });

  it('K-03: sessions that replace each other leave nothing of the earlier ones', async () => {
    const registry = new WatchedRegistry();
    const control = await TestControlServer.make({ registry });
    for (let epoch = 1; epoch <= 100; epoch += 1) {
      const session = { id: sessionId(epoch), container: containerName(1), epoch };
      expect((await control.opened(session)).status).toBe(200);
      const issued = control.town.mint(agentId(1), epoch);
      await control.start(session, issued);
      await control.deliver(session, issued, message(epoch, 'work 600'));
    }
    expect(registry.size).toBe(1);
    const down = control.server.shutdown();
    await control.clock.advance(5 * SECONDS);
    await down;
    forgetRecords(control);
    await collectGarbage();
    expect([registry.size, control.clock.pending]).toEqual([0, 0]);
    expect(registry.reachable).toBeLessThanOrEqual(1);
  });
});

describe('K-03: an agent that lives long', () => {
  it('K-03: its calls, pulls and swaps leave no listener on its life and no timer', async () => {
    const scene = new AgentScene();
    const listeners = (): number => getEventListeners(scene.life, 'abort').length;
    await scene.beat();
    const before = listeners();
    for (let nth = 1; nth <= 1_000; nth += 1) {
      if (nth % 10 === 0) await scene.puller.pull();
      if (nth % 7 === 0) scene.town.refuse(currentOf(scene));
      scene.entry.swap(scene.town.mint(scene.agent));
      scene.context.registry.register(scene.agent, { setToken: () => {} })();
      await scene.beat();
    }
    expect([listeners(), scene.clock.pending]).toEqual([before, 0]);
  });
});

/** The issued token that is held. */
function currentOf({ cell, first }: AgentScene): IssuedToken {
  return { ...first, token: cell.token?.text.reveal() ?? '' };
}

describe('K-03: a swap', () => {
  it('K-03: costs only that agent’s clients: of 300 clients of 100 agents three are touched', async () => {
    const control = await TestControlServer.make();
    const session = await control.session();
    const touched = new Map<string, number>();
    for (let seed = 1; seed <= 100; seed += 1) {
      const issued = control.town.mint(agentId(seed));
      await control.start(session, issued);
      for (let client = 0; client < 3; client += 1) {
        const setToken = (): void => void touched.set(issued.agent, (touched.get(issued.agent) ?? 0) + 1);
        control.registry.register(issued.agent, { setToken });
      }
    }
    touched.clear();
    for (let swaps = 1; swaps <= 5; swaps += 1) {
      await control.refresh(session, control.town.mint(agentId(42)));
      expect([...touched]).toEqual([[agentId(42), 3 * swaps]]);
    }
    // A batch costs those whose token it brings, and of these only an agent that did not have it.
    touched.clear();
    const [fresh, stale] = [control.town.mint(agentId(7)), control.town.mint(agentId(8))];
    await control.refresh(session, control.town.mint(agentId(8)));
    touched.clear();
    const { body } = await control.refreshAll(session, fresh, stale, { ...fresh, agent: agentId(900) });
    expect(body.results.map(({ outcome }) => outcome)).toEqual(['applied', 'stale', 'unknown_agent']);
    expect([...touched]).toEqual([[agentId(7), 3]]);
  });
});
