import { describe, expect, it } from 'vitest';
import { PROTOCOL_VERSION } from '#protocol';
import { sayHello } from '../../../container/clients/hello.ts';
import { Secret } from '../../../src/lib/secret.ts';
import { AgentContext } from '../support/agent-scene.ts';
import { TOWN_URL, page, problemAnswer } from '../support/fake-town-api.ts';

const config = { apiUrl: TOWN_URL, containerSecret: new Secret('the-container-secret') };
const MINUTE = 60_000;

describe('hello', () => {
  it('shows the container secret and the version', async () => {
    const { platform, town } = new AgentContext();
    await sayHello(platform, config, new AbortController().signal);
    const body = JSON.stringify({ version: PROTOCOL_VERSION });
    expect(town.requests).toEqual([
      { method: 'POST', path: '/v1/container/hello', bearer: 'the-container-secret', traceparent: null, body },
    ]);
  });

  it('is not said without a secret', async () => {
    const { platform, town } = new AgentContext();
    await sayHello(platform, { ...config, containerSecret: null }, new AbortController().signal);
    expect(town.requests).toEqual([]);
  });

  it('is said again, with backoff, until the town takes it; failures 1 to 3 and each 10th are logged', async () => {
    const { platform, town, clock, log } = new AgentContext();
    town.intercept = () => Promise.reject(new TypeError('connection refused'));
    const said = sayHello(platform, config, new AbortController().signal);
    await clock.advance(5 * MINUTE);
    expect(town.requests.length).toBeGreaterThan(20);
    expect(town.requests.length).toBeLessThan(40);
    expect(log.levels('hello_failed')).toHaveLength(3 + Math.floor(town.requests.length / 10));
    town.intercept = () => undefined;
    await clock.advance(30_000);
    await said;
    expect(clock.pending).toBe(0);
  });

  it('is said again until the town itself takes it: a page in its place, or an empty answer, is none of the town', async () => {
    const { platform, town, clock, log } = new AgentContext();
    const answers = [page, () => new Response(null, { status: 204 }), () => Response.json({ status: 'ok' })];
    town.intercept = () => answers.shift()?.();
    const said = sayHello(platform, config, new AbortController().signal);
    await clock.advance(MINUTE);
    await said;
    expect(town.requests).toHaveLength(4);
    expect(log.lines.map(({ event, fields }) => [event, fields['reason']])).toEqual([
      ...Array.from({ length: 3 }, () => ['hello_failed', 'malformed']),
      ['hello_said', undefined],
    ]);
  });

  it('a refused secret is tried once a minute; it is an error with advice, logged ever more rarely', async () => {
    const { platform, town, clock, log } = new AgentContext();
    town.intercept = () => problemAnswer('invalid_token');
    const life = new AbortController();
    const said = sayHello(platform, config, life.signal);
    await clock.advance(10 * MINUTE - 1);
    expect(town.requests).toHaveLength(10);
    const refused = log.lines.filter(({ event }) => event === 'hello_refused');
    expect(refused.map(({ level, fields }) => [level, fields['failures']])).toEqual(
      [1, 2, 3, 10].map((failures) => ['error', failures]),
    );
    expect(log.lines.find(({ event }) => event === 'hello_refused')?.fields['advice']).toContain('CONTAINER_SECRET');
    expect(log.text()).not.toContain('the-container-secret');
    life.abort();
    await said;
    expect(clock.pending).toBe(0);
  });
});
