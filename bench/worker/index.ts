/** The Worker that is measured: the product's own objects and edge, and beside them what each is compared with. Never deployed. */
import { sideBySide } from '#lib/clock.ts';
import type { Env } from '../../src/bindings.ts';
import { createWorker } from '../../src/http/worker.ts';
import { AgentContainer as ContainerObject } from '../../src/link/agent-container.ts';
import { wireLink } from '../../src/wiring.ts';
import type { Order } from '../order.ts';
import type { BenchEnv } from './env.ts';
import { callBare, callTown, deliverBare, deliverTown, heartbeatTown } from './calls.ts';

export { Bare } from './bare.ts';
export { PollQueue } from './designs/poll-queue.ts';
export { SharedToken } from './designs/shared-token.ts';
export { Town } from './town.ts';

export class AgentContainer extends ContainerObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, wireLink(env));
  }
}

const product = createWorker();

export default {
  async fetch(request, env, context) {
    const edge = async (one: Request): Promise<Response> => {
      if (product.fetch === undefined) throw new Error('the product serves requests');
      return product.fetch(new Request<unknown, IncomingRequestCfProperties>(one), env, context);
    };
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/bench/poll') return poll(searchParams, env);
    if (pathname !== '/bench') return edge(request);
    return Response.json((await run(await request.json<Order>(), env, edge)) ?? null);
  },
} satisfies ExportedHandler<BenchEnv>;

/** An agent asks; it is taken at its word. */
async function poll(asked: URLSearchParams, env: BenchEnv): Promise<Response> {
  const queue = env.POLL_QUEUE.getByName(asked.get('town') ?? '');
  return Response.json(await queue.poll(asked.get('agent') ?? '', Number(asked.get('held'))));
}

/** Confirmed generations of its agents, all together. Makes those that are not there. */
async function ackedByPackage({ lanes, agents }: Order, env: BenchEnv): Promise<number> {
  let sum = 0;
  await sideBySide(lanes, agents, async (name) => {
    const acked = await env.PACKAGE_AGENT.getByName(name).acked();
    sum += acked;
  });
  return sum;
}

function run(order: Order, env: BenchEnv, edge: (request: Request) => Promise<Response>): Promise<unknown> {
  const town = env.TOWN.getByName(order.town);
  const bare = env.BARE.getByName(order.town);
  switch (order.side) {
    case 'age':
      return town.age();
    case 'acked':
      return town.acked();
    case 'sweep':
      return town.sweep();
    case 'push each':
      return town.pushEach(order.lanes);
    case 'sign':
      return town.sign(order.n);
    case 'heartbeat by rpc':
      return heartbeatTown(town, order);
    case 'heartbeat':
      return callTown(town, order, edge);
    case 'bare rpc':
      return callBare(bare, order);
    case 'delivery':
      return deliverTown(town, order);
    case 'bare delivery':
      return deliverBare(bare, order);
    case 'poll refresh':
      return env.POLL_QUEUE.getByName(order.town).refresh();
    case 'poll send':
      return env.POLL_QUEUE.getByName(order.town).send(order.agents[0] ?? '');
    case 'package plan':
      return sideBySide(order.lanes, order.agents, (name) => env.PACKAGE_AGENT.getByName(name).plan(order.n));
    case 'package acked':
      return ackedByPackage(order, env);
    case 'restart':
      return env.SHARED_TOKEN.getByName(order.town).refresh();
    case 'fill':
      return town.fill(order.agents, order.n);
    case 'retire':
      return town.retire(order.n);
    case 'happen':
      return town.happen(order.agents, order.n);
    default:
      return Promise.reject(new Error(`no side ${order.side}`));
  }
}
