import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentHome, ORIGIN } from './support/scene.ts';

let home: AgentHome;
beforeEach(() => {
  home = new AgentHome();
  home.swap('one');
});
afterEach(() => home.end());

const bearers = (): string[] => home.asked.map(({ bearer }) => bearer);

describe('a call of an agent', () => {
  it('carries the token that is in the file at that moment', async () => {
    const town = home.open();
    await town.fetch('/v1/agent/peers?limit=2');
    home.swap('two');
    const headers = { authorization: 'Bearer mine', 'x-other': 'kept' };
    await town.fetch('/v1/agent/mail', { method: 'POST', body: '{}', headers });
    expect(bearers()).toEqual(['one', 'two']);
    expect(home.asked.map(({ url }) => url)).toEqual([`${ORIGIN}/v1/agent/peers?limit=2`, `${ORIGIN}/v1/agent/mail`]);
    expect(home.asked[1]?.init).toMatchObject({ method: 'POST', body: '{}', redirect: 'manual' });
    expect(new Headers(home.asked[1]?.init.headers).get('x-other')).toBe('kept');
  });

  it('that is answered 401 is sent once more with the token that came meanwhile', async () => {
    home.refused.add('one');
    home.onAsked = () => home.swap('two');
    const answer = await home.open().fetch('/v1/agent/mail', { method: 'POST', body: '{"to":"bob"}' });
    expect([answer.status, await answer.text()]).toEqual([200, 'two']);
    expect(home.asked.map(({ init }) => init.body)).toEqual(['{"to":"bob"}', '{"to":"bob"}']);
  });

  it('is never sent a third time', async () => {
    let swaps = 1;
    home.onAsked = () => {
      home.refused.add(`token-${swaps}`);
      home.swap(`token-${(swaps += 1)}`);
    };
    home.refused.add('one');
    home.refused.add('token-2');
    expect((await home.open().fetch('/')).status).toBe(401);
    expect(bearers()).toEqual(['one', 'token-2']);
  });

  it.each([
    ['there is no other token', () => undefined],
    ['the agent is over and its file gone', () => rmSync(home.path)],
  ])('is not sent again where %s', async (_what, then) => {
    home.refused.add('one');
    home.onAsked = then;
    const answer = await home.open().fetch('/');
    expect([answer.status, await answer.text()]).toEqual([401, 'one']);
    expect(home.asked).toHaveLength(1);
  });

  it.each(['https://evil.example/', '//evil.example/', '/\\evil.example/', 'v1/agent/peers', ''])(
    'goes to no other place: %j',
    async (path) => {
      await expect(home.open().fetch(path)).rejects.toThrow(TypeError);
      expect(home.asked).toEqual([]);
    },
  );
});
