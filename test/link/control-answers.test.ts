import { describe, expect, test } from 'vitest';
import { NO_ORDER, makeId, type DeliverMessages, type IssuedToken } from '#protocol';
import { ControlClient } from '../../src/link/control-client.ts';
import { FakeControl } from '../support/fake-control.ts';
import { agentId, bootId, containerName, messageId, sessionId } from '../support/ids.ts';

const [AGENT, OTHER] = [agentId(1), agentId(2)];
const SESSION = sessionId(1);
const ISSUED: IssuedToken = {
  agent: AGENT,
  inc: 3,
  gen: 7,
  jti: 'jti-0001',
  token: 'agent.token.text',
  issued_at: '2030-01-01T00:00:00Z',
  expires_at: '2030-01-01T03:00:00Z',
};
const OPENING = {
  version: 1,
  container: containerName(1),
  session: SESSION,
  epoch: 5,
  secret: 's'.repeat(43),
  heartbeat_seconds: 30,
};
const MESSAGE = { message: messageId(1), attempt: 2, seq: 1, content: 'x', sender: 'person:dev', traceparent: null };
const DELIVERY: DeliverMessages = { inc: 3, grant: ISSUED, messages: [MESSAGE] };
const START = { inc: 3, name: 'ada', role: 'worker', grant: ISSUED, runtime: null, earlier: [] };

const control = new FakeControl();
const client = new ControlClient(control.backend, async () => 'signed.push.token', containerName(1), 5000);

const SWAP = { agent: AGENT, inc: 3, gen: 7, outcome: 'applied' };
const HELD = { message: MESSAGE.message, attempt: 2, state: 'delivered' };
const OPENED = { session: SESSION, boot: bootId(1), epoch: 5 };
const FAILURE = { reason: 'command_not_found', detail: 'there is no such command' };
const STARTED = { agent: AGENT, inc: 3, gen: 7, outcome: 'started', process_id: 9 };
const accepted = (swap: object, ...messages: object[]) => ({ swap: { ...SWAP, ...swap }, messages });

interface Case {
  readonly ask: () => Promise<{ readonly kind: string }>;
  readonly right: readonly object[];
  /** Each of the right shape, and about something else. */
  readonly wrong: readonly object[];
}

const CASES: Readonly<Record<string, Case>> = {
  health: {
    ask: () => client.health(),
    right: [{ status: 'ok', version: 1, boot: bootId(1) }],
    wrong: [{ status: 'up', version: 1, boot: bootId(1) }],
  },
  'PUT /session': {
    ask: () => client.openSession(bootId(1), OPENING),
    right: [OPENED],
    wrong: [
      { ...OPENED, session: sessionId(2) },
      { ...OPENED, boot: bootId(2) },
      { ...OPENED, epoch: 4 },
    ],
  },
  start: {
    ask: () => client.call('start', SESSION, { agent: AGENT, body: START }),
    right: [
      STARTED,
      { ...STARTED, outcome: 'current', gen: 8 },
      { ...STARTED, outcome: 'stale', inc: 4, gen: 0 },
      { ...STARTED, outcome: 'retired', inc: 0, gen: 0 },
      { ...STARTED, outcome: 'failed', inc: 0, gen: 0, process_id: 0, failure: FAILURE },
    ],
    wrong: [
      { ...STARTED, agent: OTHER },
      { ...STARTED, inc: 2 },
      { ...STARTED, inc: 4 },
      { ...STARTED, gen: 6 },
      { ...STARTED, outcome: 'current', inc: 4 },
      { ...STARTED, outcome: 'stale', inc: 2 },
      { ...STARTED, outcome: 'failed', inc: 0, gen: 0 },
    ],
  },
  messages: {
    ask: () => client.call('deliver', SESSION, { agent: AGENT, body: DELIVERY }),
    right: [
      accepted({}, HELD),
      accepted({ outcome: 'stale', gen: 8 }, { ...HELD, attempt: 3, state: 'working' }),
      accepted({ outcome: 'current' }),
      accepted({ outcome: 'unknown_agent', inc: 0, gen: 0 }),
    ],
    wrong: [
      accepted({ agent: OTHER }, HELD),
      accepted({ gen: 6 }, HELD),
      accepted({ inc: 2 }, HELD),
      accepted({}, { ...HELD, message: messageId(2) }),
      accepted({}, { ...HELD, attempt: 1 }),
      accepted({}, HELD, HELD),
    ],
  },
  'refresh-token': {
    ask: () => client.call('refreshOne', SESSION, { agent: AGENT, body: { grant: ISSUED } }),
    right: [
      SWAP,
      { ...SWAP, outcome: 'current' },
      { ...SWAP, outcome: 'stale', gen: 8 },
      { ...SWAP, outcome: 'conflict' },
      { ...SWAP, outcome: 'incarnation_mismatch', inc: 4, gen: 9 },
      { ...SWAP, outcome: 'retired', inc: 0, gen: 0 },
    ],
    wrong: [
      { ...SWAP, agent: OTHER },
      { ...SWAP, inc: 4 },
      { ...SWAP, gen: 6 },
      { ...SWAP, outcome: 'current', gen: 8 },
      { ...SWAP, outcome: 'stale', gen: 7 },
      { ...SWAP, outcome: 'incarnation_mismatch' },
    ],
  },
  stop: {
    ask: () => client.call('stop', SESSION, { agent: AGENT, body: { inc: 3 } }),
    right: [
      { agent: AGENT, inc: 3, outcome: 'stopped' },
      { agent: AGENT, inc: 4, outcome: 'stale' },
    ],
    wrong: [
      { agent: OTHER, inc: 3, outcome: 'stopped' },
      { agent: AGENT, inc: 2, outcome: 'stopped' },
      { agent: AGENT, inc: 3, outcome: 'stale' },
      { agent: AGENT, inc: 3, outcome: 'retired' },
    ],
  },
  retire: {
    ask: () => client.call('retire', SESSION, { agent: AGENT, body: { inc: 3 } }),
    right: [{ agent: AGENT, inc: 3, outcome: 'retired' }],
    wrong: [
      { agent: OTHER, inc: 3, outcome: 'retired' },
      { agent: AGENT, inc: 3, outcome: 'stopped' },
    ],
  },
  interrupt: {
    ask: () => client.call('interrupt', SESSION, { agent: AGENT, body: { inc: 3 } }),
    right: [
      { agent: AGENT, inc: 3, outcome: 'interrupted' },
      { agent: AGENT, inc: 3, outcome: 'idle' },
      { agent: AGENT, inc: 4, outcome: 'incarnation_mismatch' },
      { agent: AGENT, inc: 0, outcome: 'unknown_agent' },
    ],
    wrong: [
      { agent: OTHER, inc: 3, outcome: 'interrupted' },
      { agent: AGENT, inc: 4, outcome: 'idle' },
      { agent: AGENT, inc: 3, outcome: 'incarnation_mismatch' },
    ],
  },
  'permissions/:permission': {
    ask: () =>
      client.call('answerPermission', SESSION, {
        agent: AGENT,
        permission: makeId('prm', new Uint8Array(20)),
        body: { inc: 3, option: 'yes' },
      }),
    right: [
      { agent: AGENT, inc: 3, outcome: 'answered' },
      { agent: AGENT, inc: 3, outcome: 'unknown_permission' },
      { agent: AGENT, inc: 4, outcome: 'incarnation_mismatch' },
      { agent: AGENT, inc: 0, outcome: 'unknown_agent' },
    ],
    wrong: [
      { agent: OTHER, inc: 3, outcome: 'answered' },
      { agent: AGENT, inc: 4, outcome: 'answered' },
      { agent: AGENT, inc: 3, outcome: 'incarnation_mismatch' },
    ],
  },
  'GET /agents': {
    ask: () => client.call('list', SESSION, NO_ORDER),
    right: [{ agents: [] }, { agents: [{ agent: AGENT, inc: 1, gen: 1, process_id: 1, messages: [HELD] }] }],
    wrong: [{ agents: [{ agent: AGENT }] }, { results: [] }],
  },
};

describe.each(Object.entries(CASES))('a 2xx to %s', (_, { ask, right, wrong }) => {
  test('is an answer where it is one to this very request', async () => {
    for (const body of right) {
      control.instead = () => Response.json(body);
      expect(await ask(), JSON.stringify(body)).toEqual({ kind: 'answered', value: body });
    }
  });

  test('is a failure of the way where it is about something else, or a page for people', async () => {
    const pages = [new Response('<html>'), new Response(null, { status: 204 }), Response.json({}, { status: 202 })];
    for (const response of [...wrong.map((body) => Response.json(body)), ...pages]) {
      control.instead = () => response;
      const detail = `${response.status} that is no answer to this request`;
      expect(await ask(), JSON.stringify(response)).toEqual({
        kind: 'unreachable',
        reason: 'transport',
        retryAfterMs: 0,
        detail,
      });
    }
  });
});

describe('a 2xx to a batch of tokens', () => {
  test('F9: what it says wrongly of one agent, or of an agent that was not asked about, costs the others nothing', async () => {
    const second = { ...ISSUED, agent: OTHER, inc: 1, gen: 2 };
    const right = { agent: OTHER, inc: 1, gen: 2, outcome: 'applied' };
    control.instead = () => Response.json({ results: [{ ...SWAP, gen: 6 }, right, { ...right, agent: agentId(3) }] });
    expect(await client.call('refreshMany', SESSION, { agent: null, body: { grants: [ISSUED, second] } })).toEqual({
      kind: 'answered',
      value: { results: [right] },
    });
  });

  test('is a failure of the way where it is none of the container', async () => {
    control.instead = () => new Response('<html>');
    expect(await client.call('refreshMany', SESSION, { agent: null, body: { grants: [ISSUED] } })).toMatchObject({
      kind: 'unreachable',
      reason: 'transport',
    });
  });
});
