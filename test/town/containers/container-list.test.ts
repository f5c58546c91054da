/** What people see of the containers of a town: what the town knows, without a word to any of them. */
import { describe, expect, it } from 'vitest';
import { CONTROL_PROBLEMS, type ContainerView } from '../../../src/protocol/index.ts';
import { inside } from '../support/inside.ts';
import { HANGS, lab } from '../support/lab.ts';
import { MINUTE, cutOff, pass, silence } from '../support/passing.ts';
import { TestTown } from '../support/town.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

async function listed(town: TestTown): Promise<ContainerView[]> {
  return (await town.api<{ items: ContainerView[] }>('GET', '/containers')).body.items;
}
const only = async (town: TestTown): Promise<ContainerView | undefined> => (await listed(town))[0];

describe('the containers of a town', () => {
  it('are those that its agents name, each with who lives there, and with what was heard of it last', async () => {
    const town = await TestTown.create();
    expect(await listed(town)).toEqual([]);
    const openedAt = lab.clock.now();
    const names = Array.from({ length: lab.agentsPerContainer + 1 }, (_, nth) => `agent-${nth}`);
    const agents = [];
    for (const name of names) agents.push(await town.agent(name));
    lab.clock.advance(MINUTE);
    await town.work('agent-0');
    const [first, second, ...others] = await listed(town);
    const { last_heard_at: heardAt } = await town.read('agent-0');
    expect(others).toEqual([]);
    expect(first).toEqual({
      container: town.containerName(0),
      state: 'running',
      since: null,
      session_since: iso(openedAt),
      last_heard_at: heardAt,
      held: null,
      refused_since: null,
      next_probe_at: null,
      agents: agents
        .slice(0, -1)
        .map(({ id }) => id)
        .toSorted(),
    });
    expect(second).toMatchObject({
      container: agents.at(-1)?.container,
      state: 'idle',
      last_heard_at: iso(openedAt),
      agents: [agents.at(-1)?.id],
    });
    await town.api('DELETE', '/agents/agent-1');
    expect((await only(town))?.agents).not.toContain(agents[1]?.id);
  });

  it('are new until a session is opened there', async () => {
    const town = await TestTown.create();
    const seen: (ContainerView | undefined)[] = [];
    town.container().before = async () => {
      seen.push(await only(town));
      return null;
    };
    await town.agent('ada');
    expect(seen[0]).toMatchObject({ state: 'new', since: null, session_since: null, last_heard_at: null });
    expect(await only(town)).toMatchObject({ state: 'idle' });
  });

  it('are asleep from when that is found out, until they answer again; to be looked at neither asks nor wakes one', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const container = town.container();
    container.sleep();
    const before = container.requests.length;
    lab.clock.advance(MINUTE);
    expect((await only(town))?.state).toBe('idle');
    const foundAt = lab.clock.now();
    for (let times = 0; times < 2; times += 1) {
      await town.api('POST', '/agents/ada/refresh', {});
      expect(await only(town)).toMatchObject({ state: 'asleep', since: iso(foundAt) });
      lab.clock.advance(MINUTE);
    }
    expect([container.requests.length - before, container.wakes]).toEqual([0, 0]);
    const wokenAt = lab.clock.now();
    const { id } = await town.send('ada', 'hello');
    await town.until('ada', id, 'done');
    const woken = await only(town);
    expect([woken?.state, woken?.since, container.wakes]).toEqual(['idle', null, 1]);
    expect(Date.parse(woken?.session_since ?? '')).toBeGreaterThanOrEqual(wokenAt);
  });

  it('are asleep no longer than until an answer, also where that came before the word of their sleep', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await inside(town, (p) => p.containers.asleep(0, p.clock.now()));
    expect((await only(town))?.state).toBe('asleep');
    await town.api('POST', '/agents/ada/refresh', {});
    expect((await only(town))?.state).toBe('idle');
  });

  it('are held after a timeout, for as long as nothing is sent there unasked', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    town.container().before = () => HANGS;
    await town.api('POST', '/agents/ada/refresh', {});
    const held = (await only(town))?.held;
    expect(held?.failures).toBe(1);
    const untilMs = Date.parse(held?.until ?? '');
    expect(untilMs).toBeGreaterThan(lab.clock.now());
    lab.clock.advance(untilMs - lab.clock.now());
    expect((await only(town))?.held).toBeNull();
  });

  it('are silent, then lost, and named with the time since which they are', async () => {
    lab.heartbeatMs = 30_000;
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.work('ada');
    cutOff(town);
    silence(ada.id);
    await pass(town, 4 * MINUTE);
    const silent = await only(town);
    expect(silent?.state).toBe('silent');
    expect(silent?.next_probe_at).not.toBeNull();
    expect(Date.parse(silent?.since ?? '')).toBeGreaterThan(Date.parse(silent?.last_heard_at ?? ''));
    await pass(town, 12 * MINUTE);
    const lost = (await listed(town)).find(({ container }) => container === town.containerName(0));
    expect(lost).toMatchObject({ state: 'lost', session_since: null, agents: [] });
    expect(Date.parse(lost?.since ?? '')).toBeGreaterThan(Date.parse(silent?.since ?? ''));
  });

  it('say since when one of them refuses what the town signs, until it takes something', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const problem = { type: 'about:blank', ...CONTROL_PROBLEMS.unauthorized, code: 'unauthorized' };
    town.container().before = () => ({ status: 401, headers: {}, body: JSON.stringify(problem) });
    const refusedAt = lab.clock.now();
    await town.api('POST', '/agents/ada/refresh', {});
    expect((await only(town))?.refused_since).toBe(iso(refusedAt));
    town.container().before = () => null;
    await town.api('POST', '/agents/ada/refresh', {});
    expect((await only(town))?.refused_since).toBeNull();
  });
});
