/** The verbs of a town, each with the world that it finds. */
import { runInDurableObject } from 'cloudflare:test';
import { type Agent } from '../../../src/roster/agent.ts';
import { CONTROL_PROBLEMS, MAX_RETIRED_AGENTS, ROLES } from '../../../src/protocol/index.ts';
import { agentId } from '../../support/ids.ts';
import { lab } from './lab.ts';
import type { Scenario } from './matrix.ts';
import { addRetired } from './past.ts';
import type { World } from './world.ts';

/**
 * Seconds, and so steps of the clock: at work when the verb comes, and done soon after the weather is over. No more than that: each
 * is one more report that every case of the matrix waits for.
 */
const WORK_SECONDS = 2;
/** Just inside the window in which a client refreshes ahead (ms after the token was issued). */
const NEAR_EXPIRY_MS = 10_600_000;

type Step = (world: World) => Promise<unknown>;

/** Exactly these agents are there, idle, and the first `working` of them are put to work. What is there already is kept. */
const agents =
  (names: readonly string[], working = 0): Step =>
  async (world) => {
    await world.afterSweep();
    const { agents } = await world.snapshot();
    const live = new Map<string, Agent>(
      agents.filter(({ agent }) => agent.state !== 'retired').map(({ agent }) => [agent.name, agent]),
    );
    for (const name of live.keys()) if (!names.includes(name)) await world.me.retireAgent(name);
    for (const name of names) {
      if (live.has(name)) await world.me.startAgent(name);
      else await world.create(name);
    }
    if (working > 0) await world.work(names.slice(0, working), WORK_SECONDS);
    world.nextMessage();
  };

const inOrder =
  (...steps: readonly Step[]): Step =>
  async (world) => {
    for (const step of steps) await step(world);
  };

const sleeps: Step = async ({ container }) => container.sleep();
const restarts: Step = async ({ container }) => container.restart();
const hello: Step = (world) => world.send('ada', 'hello');

/** A message whose delivery failed: it waits for its repeat, and its container is in doubt. */
const undelivered: Step = async (world) => {
  const { container } = world;
  container.before = ({ path }) => (path.endsWith('/messages') ? { status: 500, headers: {}, body: '' } : null);
  await hello(world);
  await world.settled();
  container.before = () => null;
};

/** A message that the container holds, behind a turn, although its delivery was not answered. */
const unanswered: Step = async (world) => {
  const { container } = world;
  container.after = ({ path }, answer) =>
    path.endsWith('/messages') ? { status: 502, headers: {}, body: '' } : answer;
  await hello(world);
  await world.settled();
  container.after = (_, answer) => answer;
};

/** The container refuses the next `times` pushes of a token, as it does where it judges by another time. */
const refuses =
  (times: number): Step =>
  async ({ container }) => {
    let left = times;
    container.before = ({ path }) => {
      if (!path.endsWith('/refresh-token') || left === 0) return null;
      left -= 1;
      const problem = { type: 'about:blank', ...CONTROL_PROBLEMS.unauthorized, code: 'unauthorized' };
      return { status: 401, headers: {}, body: JSON.stringify(problem) };
    };
  };

/** Two agents were retired in another age: one is of the latest, and the other goes with the next that is retired. */
const past: Step = ({ stub }) =>
  runInDurableObject(stub, (_, { storage: { sql } }) => {
    addRetired(sql, agentId(1), 1);
    addRetired(sql, agentId(2), 2 * MAX_RETIRED_AGENTS);
  });

const force: Step = ({ me }) => me.refreshAgent('ada', false);

/** Time passes without an alarm until the agent's own client asks for a token. */
const pull: Step = async (world) => {
  lab.clock.advance(NEAR_EXPIRY_MS);
  await world.settled();
  lab.clock.advance(0);
  await world.settled();
};

const START_AND_STOP = inOrder(agents(['ada']), ({ me }) => me.stopAgent('ada'), hello);

export const SCENARIOS: readonly Scenario[] = [
  // A turn that takes a while: its start and its end are two reports.
  { verb: 'deliver', arrange: agents(['ada']), act: (world) => world.send('ada', 'work 1'), whole: true },
  { verb: 'sweep', arrange: agents(['ada', 'bob'], 2), act: (world) => world.ringSweep() },
  { verb: 'force', arrange: agents(['ada'], 1), act: ({ me }) => me.refreshAgent('ada', true) },
  { verb: 'force all', arrange: agents(['ada', 'bob'], 1), act: ({ me }) => me.refreshTown(false) },
  { verb: 'pull', arrange: agents(['ada'], 1), act: pull },
  { verb: 'start', arrange: agents([]), act: (world) => world.create('ada', world.agentId), fresh: true },
  { verb: 'start again', arrange: START_AND_STOP, act: ({ me }) => me.startAgent('ada') },
  {
    verb: 'pardon',
    arrange: inOrder(agents(['ada']), ({ me }) => me.revokeAgent('ada')),
    act: ({ me }) => me.startAgent('ada'),
    until: 'link.open',
  },
  {
    verb: 'change',
    arrange: inOrder(agents(['ada']), ({ me }) => me.changeAgent('ada', { role: 'worker', scopes: ROLES.worker })),
    act: ({ me }) => me.changeAgent('ada', { role: 'mayor', scopes: ROLES.mayor }),
  },
  { verb: 'stop', arrange: agents(['ada'], 1), act: ({ me }) => me.stopAgent('ada') },
  { verb: 'revoke', arrange: agents(['ada']), act: ({ me }) => me.revokeAgent('ada') },
  { verb: 'interrupt', arrange: agents(['ada'], 1), act: ({ me }) => me.interruptAgent('ada') },
  {
    verb: 'cancel',
    arrange: inOrder(agents(['ada']), ({ me }) => me.stopAgent('ada'), hello),
    act: async (world) => world.me.cancelMessage('ada', (await world.send('ada', 'hello')).id),
  },
  {
    verb: 'withdraw',
    arrange: inOrder(agents(['ada'], 1), unanswered),
    act: async (world) => world.me.cancelMessage('ada', (await world.snapshot()).messages.at(-1)?.id ?? ''),
  },
  { verb: 'retire', arrange: inOrder(agents(['ada'], 1), past), act: (world) => world.me.retireAgent('ada') },
  {
    verb: 'hello',
    arrange: inOrder(agents(['ada'], 1), restarts),
    act: ({ stub }) => stub.hello(),
    until: 'link.open',
  },
  { verb: 'wake', arrange: inOrder(agents(['ada']), sleeps), act: hello, until: 'link.start' },
  {
    verb: 'restore',
    arrange: agents(['ada'], 1),
    act: ({ me }) => me.restored(),
    until: 'link.open',
    after: ({ container }, since) => {
      const opened = container.requests.slice(since).some(({ path }) => path === '/session');
      if (!opened) throw new Error('S-26: no new session was opened');
    },
  },
  {
    verb: 'refused',
    arrange: inOrder(agents(['ada'], 1), refuses(2), force, force),
    act: inOrder(refuses(1), force),
    until: 'link.open',
  },
  { verb: 'accepted', arrange: inOrder(agents(['ada'], 1), refuses(1), force), act: force },
  { verb: 'probe', arrange: inOrder(agents(['ada']), undelivered), act: (world) => world.ring() },
];
