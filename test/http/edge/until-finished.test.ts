import { beforeEach, describe, expect, test } from 'vitest';
import type { MessageView } from '#protocol';
import { untilFinished } from '../../../src/http/edge/until-finished.ts';
import { OWN, makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { agentId } from '../../support/ids.ts';

const MESSAGES = `/v1/towns/${OWN}/agents/ada/messages`;
let scene: EdgeScene;
let now = 0;

beforeEach(async () => {
  scene = await makeScene();
  scene.town.agents.set(agentId(1), scene.town.agentView(agentId(1), 'ada'));
  now = 0;
});

const edge = () => ({ ...scene.edge, clock: { now: () => now } });
const asked = () => scene.calls.filter(({ method }) => method === 'getMessage').map(({ given }) => given[2]);

async function stored(): Promise<MessageView> {
  await scene.send('POST', MESSAGES, { json: { content: 'hello' } });
  const [message] = scene.town.messages;
  if (message === undefined) throw new Error('the message is stored');
  return message;
}

/** Lets each step of the wait take the time that it asks for. */
function timePasses(more: () => void = () => undefined): void {
  const answer = scene.town.getMessage.bind(scene.town);
  scene.town.getMessage = (agent, id, waitMs) => {
    now += waitMs ?? 0;
    more();
    return answer(agent, id, waitMs);
  };
}

describe('the wait', () => {
  const { signal } = new AbortController();

  test('asks the town in steps of at most five seconds, and ends with its time', async () => {
    const message = await stored();
    timePasses();
    expect((await untilFinished(edge(), message, { town: OWN, person: 'dev', seconds: 12, signal })).state).toBe(
      'queued',
    );
    expect(asked()).toEqual([5000, 5000, 2000]);
  });

  test('ends with the turn', async () => {
    const message = await stored();
    timePasses(() => void (scene.town.messages[0] = { ...message, state: 'done', reply: 'hi' }));
    expect(await untilFinished(edge(), message, { town: OWN, person: 'dev', seconds: 12, signal })).toMatchObject({
      reply: 'hi',
    });
    expect(asked()).toEqual([5000]);
  });

  test('goes on through a town that is replaced', async () => {
    const message = await stored();
    scene.town.instead = () => Promise.reject(new Error('Durable Object reset'));
    timePasses(() => void (scene.town.messages[0] = { ...message, state: 'done' }));
    expect((await untilFinished(edge(), message, { town: OWN, person: 'dev', seconds: 12, signal })).state).toBe(
      'done',
    );
    expect(asked()).toHaveLength(2);
  });

  test('is given up after three failures in a row; the message is accepted all the same', async () => {
    const message = await stored();
    const failing = () => Promise.reject(new Error('Durable Object reset'));
    scene.town.getMessage = failing;
    expect(await untilFinished(edge(), message, { town: OWN, person: 'dev', seconds: 60, signal })).toEqual(message);
  });

  test('is given up at once where the town is overloaded', async () => {
    const message = await stored();
    let calls = 0;
    scene.town.getMessage = () => {
      calls += 1;
      return Promise.reject(Object.assign(new Error('Durable Object is overloaded'), { overloaded: true }));
    };
    expect(await untilFinished(edge(), message, { town: OWN, person: 'dev', seconds: 60, signal })).toEqual(message);
    expect(calls).toBe(1);
  });

  test('asks a town that does not wait so often as would fill the time, and no more', async () => {
    const message = await stored();
    await untilFinished(edge(), message, { town: OWN, person: 'dev', seconds: 10, signal });
    expect(asked().length).toBeLessThanOrEqual(5);
  });

  test('of a client that has left ends with the step', async () => {
    const message = await stored();
    const leaving = new AbortController();
    timePasses(() => leaving.abort());
    await untilFinished(edge(), message, { town: OWN, person: 'dev', seconds: 60, signal: leaving.signal });
    expect(asked()).toEqual([5000]);
  });
});
