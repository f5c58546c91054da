/** Containers that hang, with any number of agents in them, and one that does not: who is served, in which order (T7). */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Slots } from '../../../src/town/state/slots.ts';
import type { SweepReport } from '../../../src/town/state/sweep-store.ts';
import { HANGS, lab, nextTurn } from '../support/lab.ts';
import { inside } from '../support/inside.ts';
import { takeSnapshot } from '../support/snapshot.ts';
import { TestTown } from '../support/town.ts';

/** As many as the lab places in one container. */
const AGENTS = [0, 1, 2, 3];
const MINUTE_MS = 60_000;

const { pushTimeoutMs } = lab;
afterEach(() => {
  lab.pushTimeoutMs = pushTimeoutMs;
});

const nameOf = (container: number, agent: number): string => `a${container}-${agent}`;

/** Agents in the containers that are to hang, and one in the container after them. */
function namesOf(hung: number): string[] {
  return [...Array.from({ length: hung }, (_, at) => AGENTS.map((agent) => nameOf(at, agent))).flat(), nameOf(hung, 0)];
}

/**
 * From here on the first `hung` containers do not answer, until the test lets a request of theirs time out. Returns the containers
 * in the order in which they were asked, one entry for each try.
 */
function hang(town: TestTown, hung: number) {
  const asked: number[] = [];
  const gate = { open: 0, isOver: false };
  for (let index = 0; index < hung; index += 1) {
    town.container(index).network = async (_, send) => {
      if (gate.isOver) return send();
      asked.push(index);
      const turn = asked.filter((other) => other < hung).length;
      while (gate.open < turn) await nextTurn();
      throw new DOMException('timed out', 'TimeoutError');
    };
  }
  town.container(hung).network = (_, send) => {
    asked.push(hung);
    return send();
  };
  return {
    asked,
    timeOutNext: () => void (gate.open += 1),
    end: () => Object.assign(gate, { open: Infinity, isOver: true }),
  };
}

interface Kind {
  readonly kind: string;
  /** Whether the agents are there before their containers hang. */
  readonly isReady: boolean;
  readonly ask: (town: TestTown, name: string) => Promise<unknown>;
  /** What holds once the containers are back. */
  readonly isDone: (town: TestTown, names: readonly string[]) => Promise<boolean>;
}

const statesOf = async (town: TestTown): Promise<string[]> =>
  (await takeSnapshot(town.stub)).agents.map(({ agent }) =>
    `${agent.state} ${agent.endDueAtMs === null ? '' : 'open'}`.trim(),
  );
const all = async (town: TestTown, state: string): Promise<boolean> =>
  (await statesOf(town)).every((is) => is === state);

const KINDS: Kind[] = [
  {
    kind: 'deliveries',
    isReady: true,
    ask: (town, name) => town.send(name, 'hello'),
    isDone: async (town) => (await takeSnapshot(town.stub)).messages.every(({ state }) => state !== 'queued'),
  },
  {
    kind: 'starts',
    isReady: false,
    ask: (town, name) => town.agent(name),
    isDone: (town) => all(town, 'idle'),
  },
  {
    kind: 'stops',
    isReady: true,
    ask: (town, name) => town.api('POST', `/agents/${name}/stop`),
    isDone: (town) => all(town, 'stopped'),
  },
  {
    kind: 'teardowns',
    isReady: true,
    ask: (town, name) => town.api('DELETE', `/agents/${name}`),
    isDone: (town) => all(town, 'retired'),
  },
  {
    kind: 'interrupts',
    isReady: true,
    ask: (town, name) => town.api('POST', `/agents/${name}/interrupt`),
    isDone: async () => true,
  },
  {
    kind: 'forced refreshes',
    isReady: true,
    ask: (town, name) => town.api('POST', `/agents/${name}/refresh`, {}),
    isDone: async () => true,
  },
];

describe.each([2, 4])('%i containers that hang, each with all the agents that it holds', (hung) => {
  it.each(KINDS)(
    'T7: $kind: each is tried once before the healthy one has its turn, and not again',
    async ({ isReady, ask, isDone }) => {
      lab.pushTimeoutMs = 60_000;
      const town = await TestTown.create();
      const names = namesOf(hung);
      if (isReady) for (const name of names) await town.agent(name);
      const { asked, timeOutNext, end } = hang(town, hung);
      // One after the other, so that the healthy one is the last to ask.
      const asking: Promise<unknown>[] = [];
      const queued = vi.spyOn(Slots.prototype, 'run');
      for (const [before, name] of names.entries()) {
        asking.push(ask(town, name));
        await expect.poll(() => queued.mock.calls.length).toBe(before + 1);
      }
      queued.mockRestore();
      await settled();
      const slots = asked.length;
      expect(asked).toEqual(Array.from({ length: slots }, (_, at) => at));
      while (!asked.includes(hung)) {
        timeOutNext();
        await settled();
        expect(asked.filter((index) => index < hung).length, asked.join()).toBeLessThanOrEqual(2 * hung);
      }
      const before = asked.slice(0, asked.indexOf(hung));
      expect(before).toEqual([...new Set(before)]);
      // What waited behind the tries that failed has gone back to its stored due time: no timeout is spent on it.
      for (let turn = 0; turn < 2 * hung; turn += 1) {
        timeOutNext();
        await settled();
      }
      await Promise.all(asking);
      expect(asked.filter((index) => index < hung).toSorted((one, other) => one - other)).toEqual(
        Array.from({ length: hung }, (_, at) => at),
      );
      end();
      await town.elapse(6 * MINUTE_MS);
      await expect.poll(() => isDone(town, names)).toBe(true);
    },
  );
});

describe('a container that refuses a whole sweep and then hangs', () => {
  it('T7: is asked for one agent alone, and not for each of the others', async () => {
    const town = await TestTown.create();
    for (const agent of AGENTS) await town.agent(nameOf(0, agent));
    const paths: string[] = [];
    town.container().network = async ({ path }, send) => {
      if (!path.includes('/refresh-token')) return send();
      paths.push(path.replace(/agt_[a-z0-9]+/, ':agent'));
      if (path.endsWith('/refresh-tokens')) return { status: 400, headers: {}, body: '' };
      throw new DOMException('timed out', 'TimeoutError');
    };
    const { body } = await town.api<SweepReport>('POST', '/refresh', {});
    expect(paths).toEqual(['/agents/refresh-tokens', '/agents/:agent/refresh-token']);
    expect(body.results.map(({ outcome }) => outcome)).toEqual(['timeout', 'held', 'held', 'held']);
    expect(body).toMatchObject({ due: 4, ok: 0, failed: 4 });
  });
});

describe('a container in backoff', () => {
  it('is asked all the same by the first start of an agent: a person waits for it', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    town.container().before = () => HANGS;
    await town.send('ada', 'one');
    const backoffUntil = () => inside(town, (p) => p.containers.get(0)?.backoffUntilMs ?? 0);
    await expect.poll(backoffUntil).toBeGreaterThan(lab.clock.now());
    town.container().before = () => null;
    expect((await town.agent('bob')).state).toBe('idle');
  });
});

/** Whatever can go on without a timeout has gone on. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 25; turn += 1) await nextTurn();
}
