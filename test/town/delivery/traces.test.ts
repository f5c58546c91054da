/** One trace, from the request of a person through two agents and back, as the logs of all programs name it. */
import { runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { inside } from '../support/inside.ts';
import { lab, type LabLine } from '../support/lab.ts';
import { TestTown, api } from '../support/town.ts';
import { DEV_TOKEN } from '../support/wiring.ts';
import { ANNOUNCEMENT_COOLDOWN_MS } from '../../../src/ledger/delegation.ts';
import { randomBytes } from '../../../src/lib/secret.ts';
import { makeId, type DeliveredMessage, type MessageView } from '../../../src/protocol/index.ts';
import { announceDue } from '../../../src/town/ledger/announce.ts';
import { delegate } from '../../../src/town/ledger/delegate.ts';
import { finishDelegation } from '../../../src/town/ledger/finish-delegation.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`;

/** What the lines of a trace say happened, in order; of a program's repeats the first. */
function storyOf(trace: string): string[] {
  const said = lab.lines.filter(({ fields }) => fields['trace_id'] === trace).map(wordsOf);
  return said.filter((line, at) => said.indexOf(line) === at);
}

function wordsOf({ of, event, fields }: LabLine): string {
  const { method, route, caller } = fields;
  return event === 'http.request' ? `${of}: ${String(caller)} ${String(method)} ${String(route)}` : `${of}: ${event}`;
}

/** Every message as it was handed to the containers of a town. */
function delivered(town: TestTown): DeliveredMessage[] {
  return town
    .container()
    .requests.filter(({ path }) => path.endsWith('/messages'))
    .flatMap(({ body }) => (JSON.parse(body) as { messages: DeliveredMessage[] }).messages);
}

async function pair(): Promise<TestTown> {
  const town = await TestTown.create();
  await town.agent('ada');
  await town.agent('bob');
  return town;
}

async function ask(town: TestTown, agent: string, content: string, headers = {}): Promise<void> {
  const path = `/v1/towns/${town.id}/agents/${agent}/messages`;
  const { body } = await api<MessageView>('POST', path, { content }, DEV_TOKEN, headers);
  await town.until(agent, body.id, 'done');
}

describe('the trace of a request', () => {
  it('goes on in the turn, in the calls of the agent, in the turn of the one that it delegates to, and in the announcement', async () => {
    const town = await pair();
    await ask(town, 'ada', 'delegate bob whoami', { traceparent, tracestate: 'vendor=1' });
    await expect.poll(() => town.elapse(300).then(() => delivered(town).length)).toBe(3);
    await expect
      .poll(() => town.elapse(300).then(() => lab.lines.filter(({ event }) => event === 'turn_finished').length))
      .toBe(3);
    expect(storyOf(TRACE)).toEqual(
      expect.arrayContaining([
        'worker: person POST /v1/towns/:town/agents/:agent/messages',
        'container: message_taken',
        'container: turn_started',
        'worker: agent POST /v1/agent/delegations',
        'worker: agent POST /v1/agent/events',
        'container: turn_finished',
        'worker: agent GET /v1/agent/delegations/:delegation',
        'worker: agent POST /v1/agent/delegations/:delegation/result',
      ]),
    );
    const parents = delivered(town).map((message) => message.traceparent);
    expect(parents.map((text) => text?.slice(3, 35))).toEqual([TRACE, TRACE, TRACE]);
    // Each hop is a span of its own.
    const [first = '', second = '', third = ''] = parents.map((text) => text?.slice(36, 52) ?? '');
    const lineOf = (span: string) => lab.lines.filter(({ fields }) => fields['span_id'] === span).map(wordsOf);
    expect(lineOf(first)).toEqual(['worker: person POST /v1/towns/:town/agents/:agent/messages']);
    expect(lineOf(second)).toEqual(['worker: agent POST /v1/agent/delegations']);
    expect(third).toBe(second);
  });

  it('begins at the edge where a person names none, and is kept with the message', async () => {
    const town = await pair();
    await ask(town, 'ada', 'hello');
    const [message] = delivered(town);
    const line = lab.lines.find(
      ({ event, fields }) => event === 'http.request' && fields['method'] === 'POST' && fields['status'] === 202,
    );
    expect(message?.traceparent).toBe(`00-${String(line?.fields['trace_id'])}-${String(line?.fields['span_id'])}-03`);
    const rows = await runInDurableObject(town.stub, (_, { storage: { sql } }) =>
      sql.exec<{ traceparent: string | null }>('SELECT traceparent FROM messages').toArray(),
    );
    expect(rows).toEqual([{ traceparent: message?.traceparent }]);
  });

  it('that a repeat of a message names changes nothing: it is the trace of the first', async () => {
    const town = await pair();
    const key = { 'idempotency-key': 'k-1' };
    await ask(town, 'ada', 'hello', { ...key, traceparent });
    await ask(town, 'ada', 'hello', { ...key, traceparent: traceparent.replaceAll('4', '5') });
    expect(delivered(town).map((message) => message.traceparent?.slice(3, 35))).toEqual([TRACE]);
  });

  it('is none in an announcement in which two traces meet, and that of the newest where they are one', async () => {
    const town = await pair();
    const announced = (second: string) =>
      inside(town, (p) => {
        const [ada, bob] = [p.agents.find('ada'), p.agents.find('bob')];
        if (ada === null || bob === null) throw new Error('both live');
        for (const given of [traceparent, second]) {
          const id = makeId('dlg', randomBytes(20));
          const order = { id, to: 'bob', task: 'x', deadline_seconds: 60, traceparent: given };
          expect(delegate(p, ada, order).ok && finishDelegation(p, bob, id, { state: 'done', text: 'y' }).ok).toBe(
            true,
          );
        }
        lab.clock.advance(ANNOUNCEMENT_COOLDOWN_MS);
        expect(announceDue(p)).toEqual([ada.id]);
        return [...p.messages.list(ada.id, 'newest', Number.MAX_SAFE_INTEGER, 1)][0]?.traceparent;
      });
    expect(await announced(traceparent.replaceAll('4', '5'))).toBeNull();
    const later = traceparent.replace('00f067aa0ba902b7', 'b7ad6b7169203331');
    expect(await announced(later)).toBe(later);
  });
});
