import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { problemSchema } from '#protocol';
import type { Env } from '../../../src/bindings.ts';
import { createApp } from '../../../src/http/app.ts';
import { ratesOf } from '../../../src/http/edge/rates.ts';
import { FOREIGN, OWN, makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { DEV_TOKEN } from '../../support/bindings.ts';

/** What the platform binds: a count for each key, of one window that does not end. */
class Limiter {
  readonly keys: string[] = [];
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  async limit({ key }: { key: string }): Promise<{ success: boolean }> {
    this.keys.push(key);
    return { success: this.keys.filter((one) => one === key).length <= this.#most };
  }
}

let scene: EdgeScene;
beforeEach(async () => void (scene = await makeScene()));

/** The answers of a Worker with these bindings, as `200` or `429 limit_exceeded 5`, with the seconds of Retry-After. */
function workerWith(bindings: object) {
  // Nothing else of the bindings is read here.
  const app = createApp({ ...scene.edge, rates: ratesOf(bindings as Env, scene.edge.log) });
  return async (path: string, bearer: string, headers: Record<string, string> = {}, body?: object): Promise<string> => {
    const all = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', ...headers };
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const response = await app.request(path, { headers: all, ...init });
    if (response.ok) return String(response.status);
    const { code } = problemSchema.parse(await response.json());
    return `${response.status} ${code} ${response.headers.get('retry-after') ?? ''}`.trim();
  };
}

describe('how often callers may call', () => {
  test('a person has one count, whatever the credential: past it they are 429, and no town is touched', async () => {
    const key = await scene.send('POST', '/v1/keys', { json: { name: 'robot', scope: 'read' } });
    const { key: text } = (await key.json()) as { key: string };
    const ask = workerWith({ PERSON_RATE: new Limiter(2) });
    const calls = scene.calls.length;
    expect(await ask('/v1/towns', DEV_TOKEN)).toBe('200');
    expect(await ask('/v1/towns', text)).toBe('200');
    expect(await ask(`/v1/towns/${OWN}`, text)).toBe('429 limit_exceeded 5');
    expect(await ask(`/v1/towns/${FOREIGN}`, DEV_TOKEN)).toBe('429 limit_exceeded 5');
    expect(scene.calls).toHaveLength(calls);
  });

  test('an agent has one of its own', async () => {
    const agents = new Limiter(1);
    const ask = workerWith({ AGENT_RATE: agents, PERSON_RATE: new Limiter(0) });
    const token = await scene.agentToken();
    expect(await ask('/v1/agent/peers', token)).toBe('200');
    expect(await ask('/v1/agent/peers', token)).toBe('429 limit_exceeded 5');
    expect(new Set(agents.keys).size).toBe(1);
  });

  test('an address has one of refused credentials: past it they are 429, and a good one is let in', async () => {
    const ask = workerWith({ BAD_SIGN_IN_RATE: new Limiter(1) });
    const from = (address: string) => ({ 'cf-connecting-ip': address });
    expect(await ask('/v1/towns', 'wrong', from('192.0.2.1'))).toBe('401 invalid_token');
    expect(await ask('/v1/towns', 'other', from('192.0.2.1'))).toBe('429 limit_exceeded 5');
    expect(await ask('/v1/towns', 'wrong', from('192.0.2.2'))).toBe('401 invalid_token');
    expect(await ask('/v1/towns', DEV_TOKEN, from('192.0.2.1'))).toBe('200');
    const code = { code: 'A'.repeat(43) };
    expect(await ask('/v1/sign-in', DEV_TOKEN, from('192.0.2.1'), code)).toBe('429 limit_exceeded 5');
    expect(await ask('/v1/sign-in', DEV_TOKEN, from('192.0.2.3'), code)).toBe('401 invalid_token');
  });

  test('is not limited where nothing is bound, or where what is bound fails, which the log says', async () => {
    const failing = { limit: () => Promise.reject(new Error('not now')) };
    for (const bindings of [{}, { PERSON_RATE: failing, AGENT_RATE: failing, BAD_SIGN_IN_RATE: failing }]) {
      const ask = workerWith(bindings);
      expect(await ask('/v1/towns', DEV_TOKEN)).toBe('200');
      expect(await ask('/v1/agent/peers', await scene.agentToken())).toBe('200');
      expect(await ask('/v1/towns', 'wrong', { 'cf-connecting-ip': '192.0.2.1' })).toBe('401 invalid_token');
    }
    expect(scene.log.filter(({ event }) => event === 'rate.not_asked')).toHaveLength(3);
  });

  test('is what docs/people.md says of wrangler.toml', () => {
    const root = join(import.meta.dirname, '../../..');
    const [toml, docs] = ['wrangler.toml', 'docs/people.md'].map((file) => readFileSync(join(root, file), 'utf8'));
    for (const name of ['PERSON_RATE', 'AGENT_RATE', 'BAD_SIGN_IN_RATE']) {
      const limits = toml?.matchAll(
        new RegExp(`name = "${name}"\\n.*\\nsimple = \\{ limit = (\\d+), period = 60 \\}`, 'g'),
      );
      const found = [...(limits ?? [])].map(([, limit]) => limit);
      expect(found).toHaveLength(2);
      for (const limit of found)
        expect(docs).toMatch(new RegExp(`\`${name}\` +\\| +${Number(limit).toLocaleString('en')} `));
    }
  });
});
