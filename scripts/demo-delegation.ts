/** A chapter of the demo: one agent delegates to another, and the live stream shows it while it happens. */
import { z } from 'zod';
import type { AgentView } from '#protocol';
import { StreamClient } from '../client/stream-client.ts';
import type { StreamEvent } from '../client/stream-event.ts';
import type { ApiClient } from './api-client.ts';
import type { Story } from './story.ts';

const WORK_SECONDS = 3;
/** Longest wait (s) for one thing that has to happen. */
const PATIENCE_SECONDS = 30;

const created = z.object({ delegation: z.string(), to: z.string(), depth: z.number() });
const announced = z.object({
  message: z.string(),
  delegations: z.array(z.object({ id: z.string(), state: z.string() })).min(1),
});

/** `agents` are those of the town; the first delegates to the second. */
export async function playDelegation(
  story: Story,
  api: ApiClient,
  url: string,
  town: string,
  agents: readonly AgentView[],
): Promise<void> {
  const [from, to] = agents;
  if (from === undefined || to === undefined) throw new Error('a delegation takes two agents');
  const stream = follow(story, api, `${url}/v1/towns/${town}/stream`, town, agents);
  try {
    await api.eventually(PATIENCE_SECONDS, 'the live stream', async () =>
      stream.client.state.name === 'live' ? true : null,
    );
    story.say(`${from.name} is asked to delegate to ${to.name}. The live stream shows what happens:`);
    const order = await api.send(town, from.name, `delegate ${to.name} work ${WORK_SECONDS}`);
    const made = created.parse((await stream.next('reeve.delegation.created')).data);
    await api.until(town, from.name, order, 'done', PATIENCE_SECONDS);
    const announcement = announced.parse((await stream.next('reeve.delegation.announced')).data);
    story.check(
      `${to.name} got ${made.delegation}, worked on it, and ${from.name} learned that it is ${announcement.delegations[0]?.state ?? ''}.`,
      made.to === to.id && announcement.delegations.some(({ id, state }) => id === made.delegation && state === 'done'),
    );
    const { reply } = await api.until(town, from.name, announcement.message, 'done', PATIENCE_SECONDS);
    const result = `worked ${WORK_SECONDS} s`;
    story.check(`${from.name} fetched the result: "${reply ?? ''}"`, reply?.includes(result) === true);
    // A reply is in the event of its turn, for people; no agent reads events.
    const announcements = stream.seen.filter(({ type }) => type !== 'reeve.turn.finished');
    story.check('The other events held ids and states only.', !JSON.stringify(announcements).includes(result));
  } finally {
    stream.client.close();
  }
}

/** Shows the events of delegations as they come, and keeps everything that came. */
function follow(story: Story, api: ApiClient, address: string, town: string, agents: readonly AgentView[]) {
  const seen: StreamEvent[] = [];
  const nameOf = (id: string): string => agents.find((agent) => agent.id === id)?.name ?? id;
  const client = new StreamClient({
    address,
    ticket: () => api.ticket(town),
    onEvent: (event) => {
      seen.push(event);
      if (!event.type.startsWith('reeve.delegation.')) return;
      story.say(`  live #${event.seq}  ${event.type}  ${nameOf(event.subject)}  ${JSON.stringify(event.data)}`);
    },
  });
  const next = (type: string): Promise<StreamEvent> =>
    api.eventually(PATIENCE_SECONDS, type, async () => seen.find((event) => event.type === type) ?? null);
  return { client, seen, next };
}
