/** Calls of agents, made in the Worker: without the socket, which would cost both sides the same. */
import { sideBySide } from '#lib/clock.ts';
import { callThrough } from '../../src/http/edge/call-through.ts';
import type { TownStub } from '../../src/http/edge/edge.ts';
import type { VerifiedCall } from '../../src/town/calls/authorize-call.ts';
import type { Bare } from './bare.ts';
import type { Order } from '../order.ts';
import type { Town } from './town.ts';

/** The least: an object's method that does nothing. A stub for each call, as the product takes one for each request. */
export async function callBare(bare: DurableObjectStub<Bare>, { n, lanes }: Order): Promise<void> {
  await inLanes(n, lanes, () => bare.ping());
}

/** The town's own part of an agent's call. */
export async function heartbeatTown(town: DurableObjectStub<Town>, { n, lanes, agents }: Order): Promise<void> {
  const calls: VerifiedCall[] = await town.claims(agents);
  const edgeStub: TownStub = town;
  await inLanes(n, lanes, async (at) => {
    const call = calls[at % calls.length];
    if (call === undefined) throw new Error('no agent');
    // As the edge does it.
    const answer = await callThrough(edgeStub.agent(call), (agent) => agent.heartbeat(BEAT));
    if (!answer.ok) throw new Error(`refused: ${answer.error}`);
  });
}

const BEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };

/** The whole call of an agent: its token is verified at the edge, the town decides. */
export async function callTown(
  town: DurableObjectStub<Town>,
  { n, lanes, agents }: Order,
  edge: (request: Request) => Promise<Response>,
): Promise<void> {
  const tokens: string[] = await town.tokens(agents);
  const body = JSON.stringify(BEAT);
  await inLanes(n, lanes, async (at) => {
    const authorization = `Bearer ${tokens[at % tokens.length]}`;
    // As each of them is sent; without it a limit could only count what comes.
    const headers = { authorization, 'content-type': 'application/json', 'content-length': String(body.length) };
    const request = new Request('http://127.0.0.1/v1/agent/heartbeat', { method: 'POST', headers, body });
    const response = await edge(request);
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.status} ${text}`);
  });
}

/** A row and a request, by one call of an object each. */
export async function deliverBare(bare: DurableObjectStub<Bare>, { n, lanes }: Order): Promise<void> {
  await inLanes(n, lanes, () => bare.deliver());
}

/** The product's delivery, by one call of the town each; agents take turns. */
export async function deliverTown(town: DurableObjectStub<Town>, { n, lanes, agents }: Order): Promise<void> {
  await inLanes(n, lanes, (at) => town.deliver(agents[at % agents.length] ?? ''));
}

/** Does `work` for 0 to n - 1, at most `lanes` at a time. */
function inLanes(n: number, lanes: number, work: (at: number) => Promise<unknown>): Promise<void> {
  return sideBySide(lanes, Array(n).keys(), async (at) => void (await work(at)));
}
