/** `npm run demo`: the life of a token, shown on the terminal by a real stack with an interval of seconds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentView } from '#protocol';
import { ApiClient } from './api-client.ts';
import { playDelegation } from './demo-delegation.ts';
import { workerVariables } from './dev-settings.ts';
import { startStack, type Stack } from './dev-stack.ts';
import { aborted, endingSignal } from './ending.ts';
import { Guard } from './guard.ts';
import { freePort } from './ports.ts';
import { Story } from './story.ts';
import { tokenCopier, type CopyToken } from './token-copier.ts';

/** Seconds instead of an hour, so that two sweeps fit into the demo; the rule for the lifetime holds all the same. */
const INTERVAL_SECONDS = 4;
const TTL_SECONDS = 12;
const AGENTS = ['ada', 'bob', 'cyd'] as const;
/** Longest wait (s) for one thing that has to happen. */
const PATIENCE_SECONDS = 30;

async function main(): Promise<number> {
  const ending = endingSignal();
  const story = new Story();
  const guard = new Guard();
  const stateDir = mkdtempSync(join(tmpdir(), 'reeve-demo-'));
  guard.protectFolder(stateDir);
  let stack: Stack | null = null;
  try {
    const ports = { worker: await freePort(), containers: [await freePort()] };
    const settings = {
      REFRESH_INTERVAL_SECONDS: String(INTERVAL_SECONDS),
      TOKEN_TTL_SECONDS: String(TTL_SECONDS),
      HEARTBEAT_SECONDS: '1',
    };
    const variables = await workerVariables(stateDir, settings, ports);
    story.say(
      `A Worker and a control server start; tokens live ${TTL_SECONDS} s, a sweep comes every ${INTERVAL_SECONDS} s.`,
    );
    const options = { stateDir, workerPort: ports.worker, controlPorts: ports.containers, variables, guard };
    stack = await startStack({ ...options, signal: ending });
    const api = new ApiClient(stack.url, variables['REEVE_DEV_TOKEN'] ?? '');
    const ended = aborted(ending).then(() => Promise.reject(new Error('ended by a signal')));
    await Promise.race([play(story, stack, api, tokenCopier(variables)), ended]);
    return 0;
  } catch (thrown) {
    story.fail(thrown instanceof Error ? thrown.message : String(thrown));
    return 1;
  } finally {
    await stack?.stop();
    rmSync(stateDir, { recursive: true, force: true });
    guard.end();
  }
}

async function play(story: Story, stack: Stack, api: ApiClient, copyToken: CopyToken): Promise<void> {
  const town = await api.createTown('demo');
  const agents = await Promise.all(AGENTS.map((name) => api.createAgent(town, name)));
  story.check(
    `The town ${town} has three agents: ${AGENTS.join(', ')}.`,
    agents.every(({ state }) => state === 'idle'),
  );

  const hello = await api.send(town, 'ada', 'good morning');
  const answered = await api.until(town, 'ada', hello, 'done', PATIENCE_SECONDS);
  story.check(`ada answers: "${answered.reply ?? ''}"`, answered.reply?.includes('good morning') === true);

  await twoSweeps(story, stack, api, town);
  await playDelegation(story, api, stack.url, town, agents);
  await controlServerDies(story, stack, api, town);
  await teardown(story, api, town, copyToken);
  story.say('The end. Everything that was shown did happen.');
}

/** Two sweeps of the real alarm find agents at work: generations rise, processes stay, no heartbeat is refused. */
async function twoSweeps(story: Story, stack: Stack, api: ApiClient, town: string): Promise<void> {
  const turns = await Promise.all(AGENTS.map((name) => api.send(town, name, `work ${INTERVAL_SECONDS * 5}`)));
  await Promise.all(AGENTS.map((name, at) => api.until(town, name, turns[at] ?? '', 'working', PATIENCE_SECONDS)));
  const before = await readAll(api, town);
  story.say(`All three work on something long. ${generations(before)}`);
  let last = before;
  for (const sweep of ['first', 'second']) {
    const from = last;
    last = await api.eventually(PATIENCE_SECONDS, `the ${sweep} sweep`, async () => {
      const now = await readAll(api, town);
      const swept = now.every(({ credential }, at) => {
        const old = from[at]?.credential;
        return credential.reason === 'sweep' && old !== undefined && credential.acked > old.acked;
      });
      // In use as well: each agent has called with what the sweep brought.
      return swept && now.every(({ credential }) => credential.in_use === credential.acked) ? now : null;
    });
    story.check(`The ${sweep} sweep of the alarm. ${generations(last)}`, true);
  }
  story.check(
    'Each agent is still in the same process and incarnation.',
    last.every(
      (agent, at) => agent.process_id === before[at]?.process_id && agent.incarnation === before[at].incarnation,
    ),
  );
  await Promise.all(AGENTS.map((name, at) => api.until(town, name, turns[at] ?? '', 'done', PATIENCE_SECONDS)));
  const agents = await readAll(api, town);
  story.check(
    'The three turns are done, each in one attempt, and no heartbeat was refused.',
    agents.every(({ credential, last_heard_at }) => credential.lagging === null && last_heard_at !== null) &&
      stack.refusedCalls() === 0,
  );
}

/** What a crash in the middle of a turn comes to, as the events tell it. */
const CUT_AND_DONE = [
  'turn.started',
  'agent.gone',
  'message.queued_again',
  'agent.starting',
  'agent.started',
  'turn.started',
  'turn.finished',
];

async function controlServerDies(story: Story, stack: Stack, api: ApiClient, town: string): Promise<void> {
  const before = await api.readAgent(town, 'bob');
  const turn = await api.send(town, 'bob', 'work 3');
  await api.until(town, 'bob', turn, 'working', PATIENCE_SECONDS);
  stack.crashControlServer();
  story.say(`The control server (process ${before.process_id ?? 0}) is killed with -9 in the middle of bob's turn.`);
  const after = await api.eventually(PATIENCE_SECONDS, 'the restart of bob', async () => {
    const bob = await api.readAgent(town, 'bob');
    return bob.incarnation > before.incarnation && bob.process_id !== null ? bob : null;
  });
  story.check(
    `It comes back as process ${after.process_id ?? 0}, and bob in it as incarnation ${after.incarnation}.`,
    after.process_id !== before.process_id && after.incarnation === before.incarnation + 1,
  );
  const done = await api.until(town, 'bob', turn, 'done', PATIENCE_SECONDS);
  story.check(
    `bob's message was not lost: "${done.reply ?? ''}", in attempt ${done.attempts}.`,
    done.attempts === 2 && done.reply === 'worked 3 s',
  );
  const steps = await api.readStory(town, before.id, turn);
  const since = steps.slice(steps.indexOf('turn.started'));
  story.check(`The events tell it: ${since.join(', ')}.`, since.join() === CUT_AND_DONE.join());
}

async function teardown(story: Story, api: ApiClient, town: string, copyToken: CopyToken): Promise<void> {
  const token = await copyToken(await api.readAgent(town, 'cyd'));
  const before = await api.heartbeat(token);
  const status = await api.deleteAgent(town, 'cyd');
  const after = await api.heartbeat(token);
  story.check(`cyd is torn down (${status}): its process and its registry key are gone.`, status === 200);
  story.check(
    `A copy of cyd's token, accepted before (${before.status}), is refused now: ${after.status} ${after.code}.`,
    before.status === 200 && after.status === 401 && after.code === 'agent_retired',
  );
}

const readAll = (api: ApiClient, town: string): Promise<AgentView[]> =>
  Promise.all(AGENTS.map((name) => api.readAgent(town, name)));

const generations = (agents: readonly AgentView[]): string =>
  `Generations: ${agents.map(({ name, credential }) => `${name} ${credential.in_use}`).join(', ')}.`;

process.exitCode = await main();
process.exit();
