/** Two real agents, each in its container, and no person who helps them. */
import { evictDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { TestTown, api } from '../support/town.ts';
import { CONTAINER_SECRET } from '../support/wiring.ts';
import type { MessageView } from '../../../src/protocol/index.ts';

async function pair(): Promise<TestTown> {
  const town = await TestTown.create();
  await town.agent('ada');
  await town.agent('bob');
  return town;
}

/** Asks an agent, and answers its reply. */
async function ask(town: TestTown, agent: string, content: string): Promise<string> {
  const { id } = await town.send(agent, content);
  return (await town.until(agent, id, 'done')).reply ?? '';
}

/** The reply to the town's own last message to an agent, once there are so many. */
function replyTo(town: TestTown, agent: string, count: number): Promise<string | null> {
  return expect
    .poll(async () => {
      await town.elapse(300);
      const { body } = await town.api<{ items: MessageView[] }>('GET', `/agents/${agent}/messages?limit=200`);
      const own = body.items.filter(({ kind }) => kind === 'system');
      return own.length >= count ? (own[count - 1]?.reply ?? null) : null;
    })
    .not.toBeNull()
    .then(async () => {
      const { body } = await town.api<{ items: MessageView[] }>('GET', `/agents/${agent}/messages?limit=200`);
      return body.items.filter(({ kind }) => kind === 'system')[count - 1]?.reply ?? null;
    });
}

describe('a delegation between two agents', () => {
  it('is made by a message, worked on by the other, and announced to the first, which fetches the result', async () => {
    const town = await pair();
    const reply = await ask(town, 'ada', 'delegate bob work 2');
    const id = /dlg_\w+/.exec(reply)?.[0] ?? '';
    expect(reply).toBe(`Delegated to bob as ${id}`);
    expect(await replyTo(town, 'bob', 1)).toBe(`${id} is done`);
    expect(await replyTo(town, 'ada', 1)).toBe(`${id} is done: worked 2 s`);
    const types = (await town.events()).map(({ type }) => type).filter((type) => type.startsWith('reeve.delegation.'));
    expect(types).toEqual(['reeve.delegation.created', 'reeve.delegation.finished', 'reeve.delegation.announced']);
  });

  it('that delegates further is one deeper, and each maker hears of its own', async () => {
    const town = await pair();
    await ask(town, 'ada', 'delegate bob delegate ada whoami');
    expect(await replyTo(town, 'bob', 1)).toMatch(/is done$/);
    type Page = { items: { id: string; depth: number; parent: string | null }[] };
    const { items } = (await town.api<Page>('GET', '/delegations')).body;
    expect(items.map(({ depth }) => depth)).toEqual([1, 2]);
    expect(items[1]?.parent).toBe(items[0]?.id);
    expect(await replyTo(town, 'bob', 2)).toContain('"agent":"ada"');
  });

  it('outlives the town, and the container in which it is worked on', async () => {
    const town = await pair();
    const reply = await ask(town, 'ada', 'delegate bob work 5');
    const id = /dlg_\w+/.exec(reply)?.[0] ?? '';
    await expect.poll(async () => (await town.read('bob')).state).toBe('working');
    await evictDurableObject(town.stub);
    town.container().restart();
    await api('POST', '/v1/container/hello', { version: 1 }, CONTAINER_SECRET);
    expect(await replyTo(town, 'ada', 1)).toBe(`${id} is done: worked 5 s`);
  });

  it('that fails is a result, and one to an unknown agent is refused', async () => {
    const town = await pair();
    await ask(town, 'ada', 'delegate bob fail');
    expect(await replyTo(town, 'ada', 1)).toContain('is failed: The agent was asked to fail');
    expect(await ask(town, 'ada', 'delegate nobody fail')).toBe('delegate: not_found');
    expect(await ask(town, 'ada', 'delegate ada fail')).toBe('delegate: invalid_request');
  });
});

describe('mail between two agents', () => {
  it('is written by one and read by the other when it looks', async () => {
    const town = await pair();
    const { id } = await town.read('ada');
    expect(await ask(town, 'ada', 'peers')).toBe('bob (worker, idle)');
    expect(await ask(town, 'ada', 'mail bob good morning')).toMatch(/^Mail mail_\w+ is in the inbox of bob$/);
    expect(await ask(town, 'bob', 'mail')).toBe(`${id}: good morning`);
    expect(await ask(town, 'bob', 'mail')).toBe('No mail');
  });
});
