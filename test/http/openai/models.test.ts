import { beforeEach, describe, expect, test } from 'vitest';
import { modelListSchema } from '../../../src/http/openai/models.ts';
import { OWN, makeScene, type EdgeScene } from '../../support/fake-edge.ts';
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
