import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { townTools } from '../../../container/clients/town-tools.ts';
import type { ToolUser } from '../../../container/tools/tool-call.ts';
import { AgentScene, SECONDS } from '../support/agent-scene.ts';
import { hang, problemAnswer } from '../support/fake-town-api.ts';
import { settle } from '../support/manual-clock.ts';
import { ToolScene, Turn, say } from './support/tool-scene.ts';

let scene: ToolScene;
beforeEach(() => void (scene = new ToolScene()));
afterEach(() => scene.end());

const page = (): Response => Response.json({ items: [], next: null });

/** Tools that leave through the one client of an agent. */
function through(agent: AgentScene): ToolUser['town'] {
  const { context, client } = agent;
  return (life, traceparent) => townTools({ platform: context.platform, client, life, traceparent });
}

describe('a call of a tool', () => {
  it('W-21: leaves with the token that is in the cell then, so a swap in mid-turn is used by the next', async () => {
    const agent = new AgentScene();
    agent.town.intercept = page;
    const client = await scene.client({ town: through(agent) });
    await say(client, 'peers');
    const second = agent.town.mint(agent.agent);
    agent.entry.swap(second);
    await say(client, 'peers');
    expect(agent.bearers('/peers')).toEqual([agent.first.token, second.token]);
  });

  it('asks the town in the trace of its turn, which the log names, and in none where the turn has none', async () => {
    const agent = new AgentScene();
    agent.town.intercept = page;
    const client = await scene.client({ town: through(agent) });
    await say(client, 'peers');
    if (scene.turn !== null) scene.turn.traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
    await say(client, 'peers');
    const sent = agent.town.requests.map(({ traceparent }) => traceparent);
    expect(sent).toEqual([null, `00-${'ab'.repeat(16)}-${'07'.repeat(8)}-01`]);
    const fields = scene.log.lines.filter(({ event }) => event === 'tool_called').map((line) => line.fields);
    expect(fields[0]).not.toHaveProperty('trace_id');
    expect(fields[1]).toMatchObject({ trace_id: 'ab'.repeat(16), span_id: 'cd'.repeat(8) });
  });

  it('ends with its turn, and what it tries again ends too', async () => {
    const agent = new AgentScene();
    agent.town.intercept = () => problemAnswer('unavailable');
    const client = await scene.client({ town: through(agent) });
    const said = say(client, 'peers');
    await until(() => agent.town.requests.length === 1);
    await agent.clock.advance(3 * SECONDS);
    scene.turn?.end();
    expect(await said).toMatchObject({ isError: true, text: expect.stringMatching(/^turn_over\n/) as string });
    const before = agent.town.requests.length;
    await agent.clock.advance(600 * SECONDS);
    expect(agent.town.requests).toHaveLength(before);
    expect([agent.clock.pending, scene.clock.pending]).toEqual([0, 0]);
  });

  it('ends with its turn while the town is silent', async () => {
    const agent = new AgentScene();
    agent.town.intercept = hang;
    const client = await scene.client({ town: through(agent) });
    const said = say(client, 'send_mail', { to: 'bob', text: 'x' });
    await until(() => agent.town.requests.length === 1);
    scene.turn?.end();
    expect((await said).text).toMatch(/^turn_over\n/);
  });

  it('says within 45 s that the town is silent, before a client gives up', async () => {
    const client = await scene.client({
      town: () => ({ ...scene.town.of('ada'), peers: () => new Promise(() => {}) }),
    });
    const said = say(client, 'peers');
    await until(() => scene.clock.pending === 1);
    await scene.clock.advance(45 * SECONDS);
    expect((await said).text).toMatch(/^timeout\n/);
  });

  it('between two turns is an error of the tool, but tools are listed', async () => {
    scene.turn = null;
    const client = await scene.client();
    expect((await client.listTools()).tools).not.toEqual([]);
    expect((await say(client, 'peers')).text).toMatch(/^no_turn\n/);
    scene.turn = new Turn();
    scene.turn.end();
    expect((await say(client, 'peers')).text).toMatch(/^no_turn\n/);
  });

  it('is logged in one line, without what was said', async () => {
    const client = await scene.client();
    await say(client, 'send_mail', { to: 'bob', text: 'a private word' });
    await say(client, 'send_mail', { to: 'carol', text: 'a private word' });
    expect(scene.log.lines.map(({ event, fields }) => [event, fields['tool'], fields['outcome']])).toEqual([
      ['tool_called', 'send_mail', 'ok'],
      ['tool_called', 'send_mail', 'not_found'],
    ]);
    expect(scene.log.text()).not.toContain('private');
  });
});

/** Lets what goes over loopback arrive. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await settle();
}
