import { beforeEach, describe, expect, test } from 'vitest';
import { problemSchema } from '#protocol';
import { makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { agentId, delegationId } from '../../support/ids.ts';

let scene: EdgeScene;
let bearer: string;

beforeEach(async () => {
  scene = await makeScene();
  bearer = await scene.agentToken();
});

const DELEGATIONS = '/v1/agent/delegations';
const DELEGATION = `${DELEGATIONS}/${delegationId(1)}`;

const send = (method: string, path: string, json?: object) =>
  scene.send(method, path, json === undefined ? { bearer } : { bearer, json });
/** The last call: its method, and what was given to it after the claims of its caller. */
function asked(): unknown[] {
  const call = scene.calls.at(-1);
  return [call?.method, ...(call?.given.slice(1) ?? [])];
}
async function statusAndCode(response: Response): Promise<string> {
  return `${response.status} ${problemSchema.parse(await response.json()).code}`;
}

describe('what an agent asks for as itself', () => {
  test('goes to the town of its token, with the claims of its token', async () => {
    expect((await send('GET', `/v1/agent/peers?limit=7&cursor=${agentId(2)}`)).status).toBe(200);
    expect(scene.calls).toHaveLength(1);
    expect(scene.calls[0]).toMatchObject({ given: [{ claims: { agent: agentId(1) } }, agentId(2), 7] });
    expect(asked()).toEqual(['listPeers', agentId(2), 7]);
  });

  test('is made under an id that is drawn here, so that a repeated call makes one thing', async () => {
    expect((await send('POST', '/v1/agent/mail', { to: 'bob', text: 'hello' })).status).toBe(201);
    expect(asked()).toMatchObject(['sendMail', { to: 'bob', text: 'hello' }]);
    expect((await send('POST', DELEGATIONS, { to: 'bob', task: 'hello' })).status).toBe(201);
    expect(asked()).toMatchObject(['delegate', { to: 'bob', task: 'hello', deadline_seconds: 3600 }]);
  });

  test('mail is read from the first unread one on, or after a cursor', async () => {
    await send('GET', '/v1/agent/mail');
    expect(asked()).toEqual(['readMail', null, 50]);
    await send('GET', '/v1/agent/mail?cursor=12&limit=200');
    expect(asked()).toEqual(['readMail', 12, 200]);
    for (const query of ['cursor=x', 'cursor=-1', 'limit=201', 'limit=0']) {
      expect(await statusAndCode(await send('GET', `/v1/agent/mail?${query}`)), query).toBe('400 invalid_request');
    }
  });

  test('a result is one of two states and a text, and nothing else', async () => {
    expect((await send('POST', `${DELEGATION}/result`, { state: 'done', text: 'it is' })).status).toBe(200);
    for (const broken of [
      { state: 'open', text: 'x' },
      { state: 'done' },
      { state: 'done', text: 'x', by: agentId(2) },
    ]) {
      expect(await statusAndCode(await send('POST', `${DELEGATION}/result`, broken))).toBe('400 invalid_request');
    }
  });

  test('holds nothing of its town once it is answered, whatever the answer is', async () => {
    for (const instead of [null, () => ({ ok: false, error: 'unknown_delegation' })]) {
      scene.town.instead = instead;
      await send('GET', DELEGATION);
      expect([scene.calls.length > 0, scene.town.held]).toEqual([true, 0]);
    }
  });

  test('a town that is not there gets no other answer than a forged token', async () => {
    scene.town.instead = () => ({ ok: false, error: 'not_found' });
    expect(await statusAndCode(await send('GET', '/v1/agent/peers'))).toBe('401 invalid_token');
  });

  test.each([
    ['unknown_peer', '404 not_found'],
    ['unknown_delegation', '404 not_found'],
    ['to_oneself', '400 invalid_request'],
    ['parent_not_open', '409 state_conflict'],
    ['too_deep', '409 state_conflict'],
    ['delegation_over', '409 state_conflict'],
    ['limit_exceeded', '429 limit_exceeded'],
    ['insufficient_scope', '403 insufficient_scope'],
    ['invalid_token', '401 invalid_token'],
    ['agent_retired', '401 agent_retired'],
    ['agent_revoked', '401 agent_revoked'],
    ['agent_stopped', '401 agent_stopped'],
    ['incarnation_superseded', '401 incarnation_superseded'],
  ])('%s is answered as %s', async (error, answer) => {
    scene.town.instead = () => ({ ok: false, error });
    expect(await statusAndCode(await send('GET', DELEGATION))).toBe(answer);
  });
});
