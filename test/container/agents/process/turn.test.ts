/** What an agent does in its turns, and what it asks, as it is reported to the town. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PermissionId } from '#protocol';
import type { TurnOutput } from '../../../../container/agents/agent-process.ts';
import { ProcessScene, agent, type Turn } from './support/process-scene.ts';

let scene: ProcessScene;
beforeEach(() => void (scene = new ProcessScene()));
afterEach(() => scene.end());

const events = (said: readonly TurnOutput[]) =>
  said.flatMap((output) => (output.kind === 'event' ? [output.event] : []));

async function asked({ said }: Turn): Promise<PermissionId> {
  const find = () => events(said).find(({ type }) => type === 'permission.requested');
  await expect.poll(find).toBeDefined();
  const found = find();
  if (found?.type !== 'permission.requested') throw new Error('nothing was asked');
  return found.permission;
}

const SELECTED = (id: string): string => JSON.stringify({ outcome: { outcome: 'selected', optionId: id } });
const CANCELLED = JSON.stringify({ outcome: { outcome: 'cancelled' } });

it('thoughts, tool calls and plans are shown, and only its text is the reply', async () => {
  const started = await scene.start(agent('tools'));
  const { reply, said } = scene.prompt(started, 'hello');
  expect(await reply).toBe('done');
  const call = { type: 'turn.tool_call', tool_call: 't1', title: 'Read a.txt', kind: 'read' };
  expect(said).toEqual([
    { kind: 'thought', text: 'hm' },
    { kind: 'event', event: { ...call, status: 'in_progress', detail: '{"path":"a.txt"}' } },
    { kind: 'event', event: { ...call, status: 'completed', detail: 'its text' } },
    {
      kind: 'event',
      event: { type: 'turn.plan', entries: [{ content: 'look', status: 'pending', priority: 'high' }] },
    },
    { kind: 'text', text: 'done' },
  ]);
});

describe('what an agent asks', () => {
  it.each([
    ['allow', '', SELECTED('id-of-allow_once'), { outcome: 'selected', option: 'id-of-allow_once', by: 'policy' }],
    ['allow', 'allow_always', SELECTED('id-of-allow_always'), { outcome: 'selected', by: 'policy' }],
    ['deny', '', SELECTED('id-of-reject_once'), { outcome: 'selected', option: 'id-of-reject_once', by: 'policy' }],
    ['deny', 'allow_once', CANCELLED, { outcome: 'cancelled', option: null, by: 'policy' }],
  ] as const)(
    'is answered by the policy %s by the kind of its options (%s)',
    async (permissions, kinds, reply, end) => {
      const started = await scene.start(agent('ask', kinds, { permissions }));
      const turn = scene.prompt(started, 'hello');
      expect(await turn.reply).toBe(reply);
      const [requested, resolved] = events(turn.said);
      expect(requested).toMatchObject({
        type: 'permission.requested',
        title: 'Write a.txt',
        kind: 'edit',
        input: '{"path":"a.txt"}',
      });
      expect(resolved).toMatchObject({ type: 'permission.resolved', ...end });
    },
  );

  it('is answered by a person, once, and only with an option that it has', async () => {
    const started = await scene.start(agent('ask'));
    const turn = scene.prompt(started, 'hello');
    const permission = await asked(turn);
    expect(started.answer(permission, 'no-such-option')).toBe(false);
    expect(started.answer(permission, 'id-of-allow_once')).toBe(true);
    expect(started.answer(permission, 'id-of-reject_once')).toBe(false);
    expect(await turn.reply).toBe(SELECTED('id-of-allow_once'));
    expect(events(turn.said).at(-1)).toMatchObject({ permission, option: 'id-of-allow_once', by: 'person' });
  });

  it('is cancelled at its deadline', async () => {
    await scene.end();
    scene = new ProcessScene({ permissionMs: 100 });
    const started = await scene.start(agent('ask'));
    const turn = scene.prompt(started, 'hello');
    expect(await turn.reply).toBe(CANCELLED);
    expect(events(turn.said).at(-1)).toMatchObject({ outcome: 'cancelled', option: null, by: 'deadline' });
  });

  it('is cancelled with its turn', async () => {
    const started = await scene.start(agent('ask'));
    const turn = scene.prompt(started, 'hello');
    const permission = await asked(turn);
    turn.interrupt();
    await expect(turn.reply).rejects.toThrow('cancelled');
    expect(events(turn.said).at(-1)).toMatchObject({ outcome: 'cancelled', by: 'turn_ended' });
    expect(started.answer(permission, 'id-of-allow_once')).toBe(false);
  });
});
