import { beforeEach, describe, expect, test } from 'vitest';
import { MAX_WAIT_SECONDS } from '#protocol';
import { waitSeconds } from '../../../src/http/people/prefer-wait.ts';
import { OWN, makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { agentId } from '../../support/ids.ts';

const MESSAGES = `/v1/towns/${OWN}/agents/ada/messages`;
let scene: EdgeScene;

beforeEach(async () => {
  scene = await makeScene();
  scene.town.agents.set(agentId(1), scene.town.agentView(agentId(1), 'ada'));
});

const asked = () => scene.calls.filter(({ method }) => method === 'getMessage').map(({ given }) => given[2]);

describe('the preference', () => {
  test.each([
    [undefined, 0],
    ['', 0],
    ['respond-async', 0],
    ['wait', 0],
    ['wait=', 0],
    ['wait=-1', 0],
    ['wait=1.5', 0],
    ['wait=soon', 0],
    ['wait=0', 0],
    ['wait=10', 10],
    ['WAIT = 10', 10],
    ['wait="10"', 10],
    ['respond-async, wait=10', 10],
    ['wait=10; strict, wait=20', 10],
    [`wait=${MAX_WAIT_SECONDS}`, MAX_WAIT_SECONDS],
    [`wait=${MAX_WAIT_SECONDS + 1}`, MAX_WAIT_SECONDS],
    ['wait=999999999', MAX_WAIT_SECONDS],
  ])('%s waits %i s', (header, seconds) => {
    expect(waitSeconds(header)).toBe(seconds);
  });
});

describe('a request that waits', () => {
  const send = (headers: Record<string, string>) =>
    scene.send('POST', MESSAGES, { json: { content: 'hello' }, headers });

  test('answers 200 and what was applied when the turn is over, else 202', async () => {
    const late = await send({ prefer: 'wait=1' });
    expect([late.status, late.headers.get('preference-applied')]).toEqual([202, null]);
    const over = (): unknown => ({ ok: true, value: { ...scene.town.messages[0], state: 'done' } });
    const answer = scene.town.getMessage.bind(scene.town);
    scene.town.getMessage = (...given) => {
      scene.town.instead = over;
      return answer(...given);
    };
    const done = await send({ prefer: 'wait=600' });
    expect([done.status, done.headers.get('preference-applied')]).toEqual([200, `wait=${MAX_WAIT_SECONDS}`]);
    const [message] = scene.town.messages;
    const read = await scene.send('GET', `${MESSAGES}/${message?.id ?? ''}`, { headers: { prefer: 'wait=2' } });
    expect([read.status, read.headers.get('preference-applied')]).toEqual([200, 'wait=2']);
  });

  test('without the preference nothing waits', async () => {
    expect((await send({})).status).toBe(202);
    expect(asked()).toEqual([]);
  });
});
