import { expect, test } from 'vitest';
import { problemSchema } from '#protocol';
import { OWN, makeScene } from '../support/fake-edge.ts';

test('a segment that is written like one of a pattern is text like any other: no such agent, and no fault', async () => {
  const scene = await makeScene();
  for (const [segment, status] of [
    [':agent', 404],
    ['%3Aagent', 404],
    ['*', 404],
  ] as const) {
    const answer = await scene.send('PATCH', `/v1/towns/${OWN}/agents/${segment}`, { json: { role: 'worker' } });
    expect([segment, answer.status]).toEqual([segment, status]);
    expect(problemSchema.parse(await answer.json()).code).toBe('not_found');
  }
});
