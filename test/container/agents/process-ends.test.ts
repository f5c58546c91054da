/** What an incarnation does when its process ends by itself, or none can be made. */
import { expect, it } from 'vitest';
import { makeId, permissionAnsweredSchema, type PermissionId } from '#protocol';
import { ProcessGone, StartError, type ProcessEnd, type Prompt } from '../../../container/agents/agent-process.ts';
import { aProcess } from '../support/a-process.ts';
import { TestControlServer, message, read } from '../support/control-server.ts';
import { problemAnswer } from '../support/fake-town-api.ts';
import { agentId } from '../../support/ids.ts';

const SECONDS = 1_000;
const CRASH: ProcessEnd = {
  exitCode: 7,
  signal: null,
  reason: 'crashed',
  detail: 'it ended by itself',
  stderr: 'oh\n',
};

/** An agent in a turn, whose process ends when the test says so. */
async function atWork() {
  const end = Promise.withResolvers<ProcessEnd>();
  const turn = Promise.withResolvers<string>();
  const prompts: Prompt[] = [];
  const answers: (string | null)[] = [];
  let stops = 0;
  const spawn = () =>
    Promise.resolve(
      aProcess({
        ended: end.promise,
        prompt: (prompt) => {
          prompts.push(prompt);
          return turn.promise;
        },
        answer: (_, option) => option !== 'no-such-option' && answers.push(option) > 0,
        stop: async () => void (stops += 1),
      }),
    );
  const { control, session, agent } = await TestControlServer.withAgent({ spawn });
  await control.deliver(session, control.town.mint(agent), message(1, 'one'), message(2, 'two'));
  await expect.poll(() => prompts.length).toBe(1);
  const loseTurn = (): void => turn.reject(new ProcessGone('gone'));
  const crash = (): void => {
    loseTurn();
    end.resolve(CRASH);
  };
  const endTurn = (): void => turn.resolve('done');
  return { control, session, agent, prompts, answers, crash, loseTurn, endTurn, end, stops: () => stops };
}

it('how a process ended is reported while its token is still good, and then nothing of its incarnation is left', async () => {
  const { control, session, crash, stops } = await atWork();
  crash();
  await control.clock.advance(2 * SECONDS);
  const { exitCode: exit_code, ...rest } = CRASH;
  expect(control.town.events.at(-1)).toEqual({ type: 'process.exited', at: expect.any(String), exit_code, ...rest });
  expect(control.town.refused).toEqual([]);
  expect(await control.running(session)).toEqual([]);
  expect([control.registry.size, control.clock.pending, stops()]).toEqual([0, 0, 1]);
});

it('a turn whose process is gone has no result, and no other begins', async () => {
  const { control, prompts, crash } = await atWork();
  crash();
  await control.clock.advance(60 * SECONDS);
  expect(control.town.events.map(({ type }) => type)).toEqual(['turn.started', 'process.exited']);
  expect(prompts).toHaveLength(1);
});

it('no other turn begins between the loss of one and the word of how the process ended', async () => {
  const { control, prompts, loseTurn } = await atWork();
  loseTurn();
  await control.clock.advance(60 * SECONDS);
  expect(control.town.events.map(({ type }) => type)).toEqual(['turn.started']);
  expect(prompts).toHaveLength(1);
});

it('a message that comes after the end of the process begins no turn', async () => {
  const { control, session, agent, prompts, endTurn, end } = await atWork();
  endTurn();
  await expect.poll(() => prompts.length).toBe(2);
  control.town.intercept = ({ path }) => (path.endsWith('/events') ? problemAnswer('unavailable') : undefined);
  end.resolve(CRASH);
  await control.clock.advance(1 * SECONDS);
  await control.deliver(session, control.town.mint(agent), message(3, 'three'));
  control.town.intercept = () => undefined;
  await control.clock.advance(5 * SECONDS);
  expect(control.town.events.at(-1)).toMatchObject({ type: 'process.exited' });
  expect(control.town.events.filter(({ type }) => type === 'turn.started')).toHaveLength(2);
});

it('an incarnation ends though the town cannot be reached, and its start is not repeated', async () => {
  const { control, session, agent, crash } = await atWork();
  control.town.intercept = ({ path }) => (path.endsWith('/events') ? problemAnswer('unavailable') : undefined);
  crash();
  await control.clock.advance(16 * SECONDS);
  expect(await control.running(session)).toEqual([]);
  expect((await control.start(session, control.town.mint(agent))).body).toMatchObject({ outcome: 'stale', inc: 1 });
  expect((await control.start(session, control.town.mint(agent, 2))).body).toMatchObject({
    outcome: 'started',
    inc: 2,
  });
});

it('an incarnation that is stopped reports no end of its process', async () => {
  const { control, session, agent, crash } = await atWork();
  await control.end(session, 'stop', agent);
  crash();
  await control.clock.advance(60 * SECONDS);
  expect(control.town.events.filter(({ type }) => type === 'process.exited')).toEqual([]);
});

it('a start for which no process can be made is `failed`, says why, and leaves nothing behind', async () => {
  const reason = new StartError('command_not_found', 'there is no command claude');
  const control = await TestControlServer.make({ spawn: () => Promise.reject(reason) });
  const started = await control.start(await control.session(), control.town.mint(agentId(1)));
  expect(started).toMatchObject({
    status: 502,
    body: { outcome: 'failed', failure: { reason: 'command_not_found', detail: 'there is no command claude' } },
  });
  expect([control.registry.size, control.clock.pending]).toEqual([0, 0]);
});

it('a person’s answer reaches the incarnation that asks, and no other', async () => {
  const { control, session, agent, answers } = await atWork();
  const permission = makeId('prm', new Uint8Array(20));
  const answer = async (body: object, to = agent, about: PermissionId | 'prm_1' = permission) =>
    control.push(session, 'POST', `/agents/${to}/permissions/${about}`, body);
  const outcome = async (response: Response) => {
    const { status, body } = await read(response, permissionAnsweredSchema);
    return [status, body.outcome, body.inc];
  };
  expect(await outcome(await answer({ inc: 1, option: 'yes' }))).toEqual([200, 'answered', 1]);
  expect(await outcome(await answer({ inc: 1, option: null }))).toEqual([200, 'answered', 1]);
  expect(await outcome(await answer({ inc: 1, option: 'no-such-option' }))).toEqual([404, 'unknown_permission', 1]);
  expect(await outcome(await answer({ inc: 2, option: 'yes' }))).toEqual([409, 'incarnation_mismatch', 1]);
  expect(await outcome(await answer({ inc: 1, option: 'yes' }, agentId(2)))).toEqual([404, 'unknown_agent', 0]);
  expect((await answer({ inc: 1, option: 'yes' }, agent, 'prm_1')).status).toBe(400);
  expect((await answer({ inc: 1 })).status).toBe(400);
  expect(answers).toEqual(['yes', null]);
});

it('what an agent has left on the disk goes when it is retired, after its process, and not when it is stopped', async () => {
  const seen: string[] = [];
  const spawn = () =>
    Promise.resolve(aProcess({ prompt: () => new Promise(() => {}), stop: async () => void seen.push('stopped') }));
  const { control, session, agent } = await TestControlServer.withAgent({
    spawn,
    forget: async (forgotten) => void seen.push(forgotten),
  });
  await control.end(session, 'stop', agent);
  expect(seen).toEqual(['stopped']);
  await control.start(session, control.town.mint(agent, 2));
  await control.end(session, 'retire', agent, 2);
  expect(seen).toEqual(['stopped', 'stopped', agent]);
});
