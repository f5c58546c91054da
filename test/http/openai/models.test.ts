import { beforeEach, describe, expect, test } from 'vitest';
import { openAiErrorSchema } from '../../../src/http/openai/error-shape.ts';
import { modelListSchema, modelSchema } from '../../../src/http/openai/models.ts';
import { FOREIGN, OWN, makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { agentId, townId } from '../../support/ids.ts';
import { NOW_MS } from '../../support/issuer.ts';

let scene: EdgeScene;

beforeEach(async () => {
  scene = await makeScene();
  scene.town.agents.set(agentId(1), scene.town.agentView(agentId(1), 'ada'));
});

async function listed(): Promise<string[]> {
  const response = await scene.send('GET', '/openai/v1/models');
  expect(response.status).toBe(200);
  return modelListSchema.parse(await response.json()).data.map(({ id }) => id);
}

describe('the list of models', () => {
  test('has the agents of the towns of the person, by names, and of no other town', async () => {
    expect(await listed()).toEqual(['reeve/first/ada', 'reeve/utility']);
    expect(scene.calls.map(({ town, method }) => [town, method])).toEqual([[OWN, 'liveAgents']]);
    expect(scene.town.held).toBe(0);
  });

  test('has the ids of towns that share a name', async () => {
    await scene.edge.directory.create({ id: townId(4), name: 'first', owner: 'dev', createdAtMs: NOW_MS });
    expect(await listed()).toEqual([`reeve/${OWN}/ada`, 'reeve/utility']);
  });

  test('leaves out a town that fails, or does not answer, and is there within a second', async () => {
    await scene.edge.directory.create({ id: townId(4), name: 'second', owner: 'dev', createdAtMs: NOW_MS });
    scene.town.instead = () => new Promise(() => undefined);
    const began = performance.now();
    expect(await listed()).toEqual(['reeve/utility']);
    expect(performance.now() - began).toBeLessThan(5000);
    expect(scene.log.map(({ event }) => event)).toContain('models.late');
    scene.town.instead = () => {
      throw new Error('it is being replaced');
    };
    expect(await listed()).toEqual(['reeve/utility']);
    expect(scene.log.map(({ event }) => event)).toContain('models.town_failed');
  });
});

describe('a model', () => {
  const read = (model: string) => scene.send('GET', `/openai/v1/models/${model}`);

  test.each([
    'reeve/first/ada',
    'reeve%2Ffirst%2Fada',
    'reeve/first%2fada',
    `reeve/${OWN}/ada`,
    `reeve%2Ffirst%2F${agentId(1)}`,
  ])(
    'is an agent by id or name, with slashes and without, under the name that it was asked for by: %s',
    async (model) => {
      const response = await read(model);
      expect(response.status).toBe(200);
      const { id, owned_by: town, created } = modelSchema.parse(await response.json());
      expect([id, town]).toEqual([decodeURIComponent(model), 'first']);
      expect(created).toBe(Math.floor(Date.parse(scene.town.agentView(agentId(1), 'ada').created_at) / 1000));
      expect(scene.calls.map(({ method }) => method)).toEqual(['getAgent']);
      expect(scene.town.held).toBe(0);
    },
  );

  test('of side calls asks no town', async () => {
    expect(modelSchema.parse(await (await read('reeve/utility')).json())).toMatchObject({ id: 'reeve/utility' });
    expect(scene.calls).toEqual([]);
  });

  test.each([
    'gpt-4o',
    'reeve',
    'reeve/first',
    'reeve/first/ada/',
    'reeve/first/bob',
    'reeve/theirs/ada',
    `reeve/${FOREIGN}/ada`,
    `reeve/${townId(3)}/ada`,
  ])('that is not there, or not theirs, is 404: %s', async (model) => {
    const response = await read(model);
    expect(response.status).toBe(404);
    const { error } = openAiErrorSchema.parse(await response.json());
    expect(error).toMatchObject({ type: 'invalid_request_error', param: 'model', code: 'model_not_found' });
  });

  test('that was retired is not there', async () => {
    scene.town.agents.set(agentId(1), { ...scene.town.agentView(agentId(1), 'ada'), state: 'retired' });
    expect((await read(`reeve/first/${agentId(1)}`)).status).toBe(404);
  });
});
