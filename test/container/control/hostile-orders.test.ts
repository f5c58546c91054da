/**
 * Every route of the control server against hostile requests, signed by the town and not. In the suite each route is tried with a part of
 * the recorded cases; `REEVE_HOSTILE=full` asks for all of them (SECURITY.md).
 */
import { describe, expect, it } from 'vitest';
import { problemSchema } from '#protocol';
import { hostileBodies, type HostileBody } from '../../support/hostile-bodies.ts';
import {
  HOSTILE_HEADERS,
  HOSTILE_QUERIES,
  HOSTILE_SEGMENTS,
  hostileAuthorizations,
} from '../../support/hostile-heads.ts';
import { sessionId, permissionId } from '../../support/ids.ts';
import { TestControlServer, message, type HeldSession } from '../support/control-server.ts';
import { signPush, type PushOrder } from '../support/push.ts';

const STRIDE = process.env['REEVE_HOSTILE'] === 'full' ? 1 : 13;
/** The longest (bytes) that any refusal is. */
const MAX_REFUSAL_BYTES = 16 * 1024;

type World = Awaited<ReturnType<typeof TestControlServer.withAgent>>;

/** A good body for each route. */
function goodBodies({ control, session, agent, issued }: World): Readonly<Record<string, object | null>> {
  const grant = { ...issued, gen: issued.gen + 1 };
  return {
    'PUT /session': JSON.parse(control.opening({ ...session, id: sessionId(9), epoch: 9 }).body) as object,
    'DELETE /session': null,
    'GET /agents': null,
    'POST /agents/refresh-tokens': { grants: [grant] },
    [`POST /agents/${agent}/start`]: {
      inc: 2,
      name: 'ada',
      role: 'worker',
      grant: { ...issued, inc: 2 },
      runtime: null,
    },
    [`POST /agents/${agent}/messages`]: { inc: 1, grant, messages: [message(1, 'hello')] },
    [`POST /agents/${agent}/refresh-token`]: { grant },
    [`POST /agents/${agent}/stop`]: { inc: 1 },
    [`POST /agents/${agent}/interrupt`]: { inc: 1 },
    [`POST /agents/${agent}/permissions/${permissionId(1)}`]: { inc: 1, option: null },
    [`POST /agents/${agent}/retire`]: { inc: 1 },
  };
}

interface Hostile {
  readonly name: string;
  readonly path?: string;
  readonly body?: HostileBody['body'];
  readonly headers?: readonly (readonly [string, string])[];
}

function casesOf(path: string, good: object | null): Hostile[] {
  const segments = path.split('/');
  return [
    ...hostileBodies(good ?? {}).map(({ name, body, type = 'application/json' }): Hostile => {
      return { name: `body: ${name}`, body, headers: [['content-type', type]] };
    }),
    ...segments.slice(1).flatMap((_, at) =>
      HOSTILE_SEGMENTS.map((segment): Hostile => {
        return { name: `part ${at}: ${segment.slice(0, 40)}`, path: segments.with(at + 1, segment).join('/') };
      }),
    ),
    ...HOSTILE_QUERIES.map((query): Hostile => ({ name: `?${query.slice(0, 40)}`, path: `${path}?${query}` })),
    ...HOSTILE_HEADERS.map(([name, value]): Hostile => {
      return { name: `${name}: ${value.slice(0, 40)}`, headers: [[name, value]] };
    }),
  ];
}

/** A request as the town would sign it; `header` in place of its token where it is given. */
async function requestOf(world: World, order: PushOrder, hostile: Hostile, header?: string): Promise<Request> {
  const body = hostile.body ?? order.body;
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const digest = Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('base64url');
  const url = new URL(`http://control.example${hostile.path ?? order.path}`);
  const signed = { ...order, path: url.pathname };
  const token = await signPush(world.control.key, signed, { claims: { bsha: digest } });
  const headers = new Headers({ 'content-type': 'application/json' });
  for (const [name, value] of hostile.headers ?? []) headers.set(name, value);
  headers.set('authorization', header ?? `Bearer ${token}`);
  const hasBody = order.method !== 'GET' && bytes.length > 0;
  return new Request(url, { method: order.method, headers, ...(hasBody ? { body: bytes } : {}) });
}

const orderOf = ({ control, session }: World, method: string, path: string, good: object | null): PushOrder => {
  const order = control.order(session, method, path, good ?? undefined);
  return method === 'PUT' ? { ...order, audience: control.server.boot } : order;
};

/** What is wrong with an answer, or null. */
async function faultOf(response: Response): Promise<string | null> {
  const { status } = response;
  const text = await response.text();
  if (status >= 500) return `${status}: ${text}`;
  if (text.length > MAX_REFUSAL_BYTES) return `${status}, of ${text.length} characters`;
  if (status < 400) return null;
  // An outcome that is no good one is told in the words of its call.
  const said: unknown = JSON.parse(text);
  const isOutcome = typeof said === 'object' && said !== null && 'outcome' in said;
  return isOutcome || problemSchema.safeParse(said).success
    ? null
    : `${status}, no problem document: ${text.slice(0, 200)}`;
}

/** Sessions and agents: what a refused request leaves as it is. */
const stateOf = (world: World, session: HeldSession) => world.control.running(session);

const routes = Object.keys(goodBodies(await TestControlServer.withAgent()));

describe('a hostile request to a control server', () => {
  it.each(routes)(
    '%s is answered, never with a fault of the server, and changes nothing where it is refused',
    { timeout: 120_000 },
    async (route) => {
      const [method = '', path = ''] = route.split(' ');
      let world = await TestControlServer.withAgent();
      const { [route]: good = null } = goodBodies(world);
      const nth = routes.indexOf(route);
      const cases = casesOf(path, good).filter((_, at) => at % STRIDE === nth % STRIDE);
      const faults: string[] = [];
      let before = await stateOf(world, world.session);
      for (const hostile of cases) {
        const { control } = world;
        const response = await control.server.app.fetch(
          await requestOf(world, orderOf(world, method, path, good), hostile),
        );
        const fault = await faultOf(response);
        if (fault !== null) faults.push(`${hostile.name}: ${fault}`);
        // What is taken may end the session or the agent: the next case finds a world as before.
        if (response.status < 400) world = await TestControlServer.withAgent();
        const after = await stateOf(world, world.session);
        if (response.status >= 400 && JSON.stringify(after) !== JSON.stringify(before))
          faults.push(`${hostile.name}: it changed`);
        before = after;
      }
      expect(faults).toEqual([]);
    },
  );

  it('without the token of the town is refused alike at every route, in every form of a header', async () => {
    const world = await TestControlServer.withAgent();
    const before = await stateOf(world, world.session);
    for (const [route, good] of Object.entries(goodBodies(world))) {
      const [method = '', path = ''] = route.split(' ');
      const order = orderOf(world, method, path, good);
      const spoilt = await signPush(world.control.key, { ...order, path: '/elsewhere' });
      for (const header of hostileAuthorizations(spoilt)) {
        const request = await requestOf(world, order, { name: '' }, header);
        const response = await world.control.server.app.fetch(request);
        expect([header.slice(0, 40), [401, 413].includes(response.status)]).toEqual([header.slice(0, 40), true]);
        expect(await faultOf(response)).toBeNull();
      }
    }
    expect(await stateOf(world, world.session)).toEqual(before);
  });
});
