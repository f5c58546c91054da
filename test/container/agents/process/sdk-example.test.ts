/** An agent from outside this project, in a control server: the example of the protocol's own library, in its first release. */
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { launchSchema, type AgentId, type IssuedToken, type Launch, type TurnEvent } from '#protocol';
import { TestControlServer, message, type HeldSession } from '../../support/control-server.ts';
import { agentId } from '../../../support/ids.ts';
import { ProcessScene } from './support/process-scene.ts';

const EXAMPLE = join(import.meta.dirname, '../../../../node_modules/acp-sdk-1/dist/examples/agent.js');
/** It pauses for seconds where a model would think. */
const IN_A_HURRY = 'data:text/javascript,const wait=setTimeout;globalThis.setTimeout=(run,ms)=>wait(run,ms/20)';
const RUNTIME: Launch = launchSchema.parse({ command: process.execPath, args: ['--import', IN_A_HURRY, EXAMPLE] });

let scene: ProcessScene;
let control: TestControlServer;
let session: HeldSession;
const agent: AgentId = agentId(1);

beforeEach(async () => {
  scene = new ProcessScene();
  control = await TestControlServer.make({ spawn: scene.agents.spawn });
  session = await control.session();
  const body = { inc: 1, name: 'ada', role: 'worker', grant: control.town.mint(agent), runtime: RUNTIME };
  expect((await control.push(session, 'POST', `/agents/${agent}/start`, body)).status).toBe(200);
});
afterEach(async () => {
  await control.end(session, 'retire', agent);
  await scene.end();
});

/** Real processes and a clock that is turned by hand: what the agent has said until now is reported. */
async function reported<T extends TurnEvent['type']>(type: T): Promise<Extract<TurnEvent, { type: T }>> {
  const find = () => control.town.events.find((event): event is Extract<TurnEvent, { type: T }> => event.type === type);
  await expect
    .poll(async () => {
      await control.clock.advance(250);
      return find();
    })
    .toBeDefined();
  const found = find();
  if (found === undefined) throw new Error(`${type} was not reported`);
  return found;
}

const answer = (permission: string, option: string | null): Promise<Response> =>
  control.push(session, 'POST', `/agents/${agent}/permissions/${permission}`, { inc: 1, option });

it('has a conversation with tool calls, asks, does what is allowed, and a token is swapped in the middle of its turn', async () => {
  await control.deliver(session, control.town.mint(agent), message(1, 'improve the project'));
  const asked = await reported('permission.requested');
  expect(asked).toMatchObject({ title: 'Modifying critical configuration file', kind: 'edit' });
  expect(asked.options.map(({ id, kind }) => [id, kind])).toEqual([
    ['allow', 'allow_once'],
    ['reject', 'reject_once'],
  ]);
  const [before] = await control.running(session);
  const newer: IssuedToken = control.town.mint(agent);
  expect((await control.refresh(session, newer)).body).toMatchObject({ outcome: 'applied', gen: newer.gen });
  expect((await answer(asked.permission, 'allow')).status).toBe(200);
  const { result } = await reported('turn.finished');
  expect(result).toMatchObject({ state: 'done', reply: expect.stringContaining("I've successfully updated") });
  const [after] = await control.running(session);
  expect(after).toMatchObject({ process_id: before?.process_id, gen: newer.gen });
  const calls = control.town.events.flatMap((event) => (event.type === 'turn.tool_call' ? [event] : []));
  expect(calls.map(({ tool_call, status }) => [tool_call, status])).toEqual([
    ['call_1', 'pending'],
    ['call_1', 'completed'],
    ['call_2', 'pending'],
    ['call_2', 'completed'],
  ]);
  expect(control.town.requests.at(-1)?.bearer).toBe(newer.token);
});

it('is interrupted while it asks: its question is answered `cancelled`, and it takes the next message', async () => {
  await control.deliver(session, control.town.mint(agent), message(1, 'one'));
  const { permission } = await reported('permission.requested');
  await control.push(session, 'POST', `/agents/${agent}/interrupt`, { inc: 1 });
  expect(await reported('permission.resolved')).toMatchObject({ permission, outcome: 'cancelled', by: 'turn_ended' });
  expect(await reported('turn.finished')).toMatchObject({ result: { state: 'failed', error: 'interrupted' } });
  expect((await answer(permission, 'allow')).status).toBe(404);
  control.town.events.length = 0;
  await control.deliver(session, control.town.mint(agent), message(2, 'two'));
  const next = await reported('permission.requested');
  await answer(next.permission, 'reject');
  expect(await reported('turn.finished')).toMatchObject({ result: { reply: expect.stringContaining('skip') } });
});
