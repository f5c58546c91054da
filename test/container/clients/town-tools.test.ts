import { describe, expect, it } from 'vitest';
import { MAX_BODY_BYTES, type DelegationView } from '#protocol';
import { townTools, type TownTools } from '../../../container/clients/town-tools.ts';
import { AgentScene, SECONDS } from '../support/agent-scene.ts';
import { page, problemAnswer } from '../support/fake-town-api.ts';
import { agentId, delegationId } from '../../support/ids.ts';

const AT = '2030-01-01T12:00:00.000Z';
const DELEGATION: DelegationView = {
  id: delegationId(0),
  from: agentId(1),
  to: agentId(2),
  parent: null,
  depth: 1,
  state: 'done',
  error: null,
  created_at: AT,
  deadline_at: AT,
  finished_at: AT,
  announced_at: null,
};
const RESULT = { state: 'done', text: 'it is' } as const;

function made(traceparent: string | null = null): { scene: AgentScene; tools: TownTools } {
  const scene = new AgentScene();
  const { client, life, context } = scene;
  return { scene, tools: townTools({ platform: context.platform, client, life, traceparent }) };
}

describe('the tools of the town', () => {
  it('call as the agent, with the token that is in its cell at that moment (W-21)', async () => {
    const { scene, tools } = made();
    scene.town.intercept = () => Response.json({ items: [], next: null });
    await tools.peers(null);
    const second = scene.town.mint(scene.agent);
    scene.entry.swap(second);
    await tools.readMail('7');
    expect(scene.town.requests.map(({ method, path, bearer }) => [method, path, bearer])).toEqual([
      ['GET', '/v1/agent/peers', scene.first.token],
      ['GET', '/v1/agent/mail', second.token],
    ]);
  });

  it('M-31: a result is sent again until it is stored', async () => {
    const { scene, tools } = made();
    const answers = [() => problemAnswer('unavailable'), () => problemAnswer('limit_exceeded', { 'retry-after': '5' })];
    scene.town.intercept = () => (answers.shift() ?? (() => Response.json(DELEGATION)))();
    const stored = tools.finishDelegation(DELEGATION.id, RESULT);
    await scene.clock.advance(40 * SECONDS);
    expect(await stored).toEqual({ ok: true, value: DELEGATION });
    expect(scene.town.requests.map(({ body }) => body)).toEqual(
      Array.from({ length: 3 }, () => JSON.stringify(RESULT)),
    );
  });

  it('a mail and a delegation are sent once: it is not known whether the first arrived', async () => {
    const { scene, tools } = made();
    scene.town.intercept = () => problemAnswer('unavailable');
    expect(await tools.sendMail({ to: 'bob', text: 'x' })).toEqual({ ok: false, error: 'refused_503' });
    expect(await tools.delegate({ to: 'bob', task: 'x' })).toEqual({ ok: false, error: 'refused_503' });
    expect(scene.town.requests).toHaveLength(2);
  });

  it.each([
    ['invalid_request', 'invalid_request'],
    ['insufficient_scope', 'insufficient_scope'],
    ['not_found', 'not_found'],
    ['state_conflict', 'state_conflict'],
    ['payload_too_large', 'payload_too_large'],
  ] as const)('what the town refuses as %s is not asked again', async (code, error) => {
    const { scene, tools } = made();
    scene.town.intercept = () => problemAnswer(code);
    expect(await tools.finishDelegation(DELEGATION.id, RESULT)).toEqual({ ok: false, error });
    expect(scene.town.requests).toHaveLength(1);
  });

  it('a teardown ends what is tried again', async () => {
    const { scene, tools } = made();
    scene.town.intercept = () => problemAnswer('unavailable');
    const asked = tools.readDelegation(DELEGATION.id);
    await scene.clock.advance(3 * SECONDS);
    scene.teardown();
    expect(await asked).toEqual({ ok: false, error: 'over' });
    expect(scene.clock.pending).toBe(0);
  });

  it('a result that is too long for the town is cut to what it takes', async () => {
    const { scene, tools } = made();
    scene.town.intercept = () => Response.json(DELEGATION);
    await tools.finishDelegation(DELEGATION.id, { state: 'done', text: '\n'.repeat(MAX_BODY_BYTES) });
    const { length } = scene.town.requests[0]?.body ?? '';
    expect(length).toBeLessThanOrEqual(MAX_BODY_BYTES);
    expect(length).toBeGreaterThan(MAX_BODY_BYTES - 2048);
  });

  it('an answer that is none of the town is reported as such where the call is made once', async () => {
    const { scene, tools } = made();
    for (const answer of [page, () => Response.json({ id: 'none' })]) {
      scene.town.intercept = answer;
      expect(await tools.sendMail({ to: 'bob', text: 'x' })).toEqual({ ok: false, error: 'malformed_answer' });
      expect(await tools.delegate({ to: 'bob', task: 'x' })).toEqual({ ok: false, error: 'malformed_answer' });
    }
    expect(scene.town.requests).toHaveLength(4);
  });

  it('a 2xx that is not for this result stores nothing: it is sent until the town says so', async () => {
    const { scene, tools } = made();
    const other = delegationId(1);
    const answers = [
      page,
      () => new Response(null, { status: 204 }),
      () => Response.json({ ...DELEGATION, id: other }),
      () => Response.json({ ...DELEGATION, state: 'open', finished_at: null }),
    ];
    scene.town.intercept = () => (answers.shift() ?? (() => Response.json(DELEGATION)))();
    const stored = tools.finishDelegation(DELEGATION.id, RESULT);
    await scene.clock.advance(60 * SECONDS);
    expect(await stored).toEqual({ ok: true, value: DELEGATION });
    expect(scene.town.requests).toHaveLength(5);
  });

  it('what is read is asked for again where a page comes in its place, or another delegation', async () => {
    const { scene, tools } = made();
    const read = { ...DELEGATION, task: 'fenced', result: null };
    const other = { ...read, id: delegationId(1) };
    const answers = [page, () => Response.json(other), () => Response.json(read)];
    scene.town.intercept = () => (answers.shift() ?? (() => Response.json({ items: [], next: null })))();
    const asked = tools.readDelegation(DELEGATION.id);
    await scene.clock.advance(10 * SECONDS);
    expect(await asked).toEqual({ ok: true, value: read });
  });

  it('a refusal that is none of the town is no answer to a result, for as long as a delegation is open', async () => {
    const { scene, tools } = made();
    scene.town.intercept = () => new Response('<html>blocked</html>', { status: 403 });
    const stored = tools.finishDelegation(DELEGATION.id, RESULT);
    await scene.clock.advance(600 * SECONDS);
    scene.town.intercept = () => Response.json(DELEGATION);
    await scene.clock.advance(60 * SECONDS);
    expect(await stored).toEqual({ ok: true, value: DELEGATION });
    scene.town.intercept = () => new Response('<html>blocked</html>', { status: 403 });
    const refused = [tools.finishDelegation(DELEGATION.id, RESULT), tools.peers(null)];
    await scene.clock.advance(2 * 3600 * SECONDS);
    expect(await Promise.all(refused)).toEqual(refused.map(() => ({ ok: false, error: 'insufficient_scope' })));
    expect(scene.clock.pending).toBe(0);
  });

  it('a token that the town does not accept says nothing of the result, which is sent when one is', async () => {
    const { scene, tools } = made();
    scene.town.intercept = () => problemAnswer('invalid_token');
    const stored = tools.finishDelegation(DELEGATION.id, RESULT);
    await scene.clock.advance(600 * SECONDS);
    scene.town.intercept = () => Response.json(DELEGATION);
    await scene.clock.advance(120 * SECONDS);
    expect(await stored).toEqual({ ok: true, value: DELEGATION });
  });
});
