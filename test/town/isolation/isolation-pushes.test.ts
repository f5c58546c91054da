import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createControlServer } from '../../../container/control-server.ts';
import { newKey } from '../../../src/tokens/key-edit.ts';
import { CONTROL_PROBLEMS, type ControlProblemCode, type Problem } from '../../../src/protocol/index.ts';
import { findSecrets } from '../../support/secret-scan.ts';
import {
  ORDERS,
  everything,
  knock,
  makeSharedControlServer,
  orderOf,
  wrongFor,
  type SharedControlServer,
} from '../support/shared-control-server.ts';
import { lab, type LabAnswer } from '../support/lab.ts';
import { issuedTokensOf } from '../support/scene.ts';
import { agentToken, pushToken, strangersKey } from '../support/deployment-tokens.ts';
import { PUBLIC_URL, currentKeys, useKeys } from '../support/wiring.ts';

const NO_ID = '00000000000000000000';

/** What a control server writes down, in the order in which it does. */
const lines: string[] = [];
const write = (event: string, fields?: object) => void lines.push(JSON.stringify({ event, ...fields }));

/** One that no town has a session with, and whose log is read. */
const stranger = createControlServer({
  config: { apiUrl: PUBLIC_URL, issuer: PUBLIC_URL, jwks: { keys: [] }, containerSecret: null },
  clock: lab.clock.forContainer(),
  fetch: () => Promise.reject(new Error('no town is called')),
  log: { info: write, warn: write, error: write },
  spawn: () => Promise.reject(new Error('no agent is started')),
});

/** The routes of a control server as it is built, but for the one that is open. */
/** Each once: what stands before a handler is listed as a route of its own. */
const routes = [...new Set(stranger.app.routes.map(({ method, path }) => `${method} ${path}`))].filter(
  (route) => !route.startsWith('ALL ') && route !== 'GET /health',
);

beforeAll(async () => {
  await useKeys({ keys: [...(await currentKeys()).keys, await newKey('tainted')] });
});

/** Let in, and answered 404 by the control server itself: no agent asks anything. */
const NOTHING_ASKED = 'POST /agents/:agent/permissions/:permission';

describe('pushes', () => {
  let refusals = 0;
  // oxlint-disable-next-line eslint/no-console -- the size is for the reader of the run
  afterAll(() => console.log(`${routes.length} routes of the control server: ${refusals} refusals`));

  it('S-17: every route of the control server but /health is in the matrix, and the matrix names no other', () => {
    expect(routes.toSorted()).toEqual(Object.keys(ORDERS).toSorted());
  });

  it.each(routes)(
    'S-17: %s takes the one push that the town signed for it; every other credential is refused and changes nothing',
    async (route) => {
      const shared = await makeSharedControlServer();
      const right = orderOf(route, shared);
      const before = await everything(shared);
      const calls = lab.agentCalls.length;
      for (const { name, header, refusal } of await wrongFor(shared, right)) {
        const answer = await knock(shared, right, header);
        expect({ with: name, ...problemOf(answer) }).toEqual({ with: name, ...problemFor(refusal) });
        refusals += 1;
      }
      expect(await everything(shared)).toEqual(before);
      // Not even for the unknown key: it fetched a moment ago.
      expect(lab.agentCalls.slice(calls)).toEqual([]);
      const answer = await knock(shared, right, `Bearer ${await pushToken(right)}`);
      expect(answer.status, answer.body).toBe(route === NOTHING_ASKED ? 404 : 200);
      if (route !== 'GET /agents' && route !== NOTHING_ASKED) expect(await everything(shared)).not.toEqual(before);
    },
  );
});

describe('what a refused push leaves behind', () => {
  it('S-23: what the town has sent is refused when it comes again, at once or later, and changes nothing', async () => {
    const shared = await makeSharedControlServer();
    await busy(shared);
    const sent = shared.town.container().requests.filter(({ path }) => path !== '/health');
    expect(new Set(sent.map(({ path }) => path.split('/').at(-1)))).toEqual(
      new Set(['session', 'start', 'messages', 'refresh-tokens', 'refresh-token', 'stop']),
    );
    const before = await everything(shared);
    for (const waitMs of [0, 45_000, 46_000]) {
      lab.clock.advance(waitMs);
      for (const request of sent) {
        const answer = await knock(shared, request, request.headers['authorization'] ?? null);
        expect({ path: request.path, ...problemOf(answer) }).toEqual({
          path: request.path,
          ...problemFor('unauthorized'),
        });
      }
    }
    expect(await everything(shared)).toEqual(before);
  });

  it('S-23: a push whose body was swapped changes nothing, and does not spend the token of the genuine one', async () => {
    const shared = await makeSharedControlServer();
    const { 'POST /agents/:agent/refresh-token': refresh, 'POST /agents/:agent/stop': stop, ...others } = ORDERS;
    if (refresh === undefined || stop === undefined) throw new Error('the matrix has both');
    const before = await everything(shared);
    const genuine = refresh(shared);
    const header = `Bearer ${await pushToken(genuine)}`;
    const bodies = Object.values(others).map((order) => order(shared).body);
    const forged = genuine.body.replace('a-forged-token', 'another-token');
    for (const body of [forged, genuine.body.replace(shared.ada, shared.bob), `${genuine.body} `, '', ...bodies]) {
      expect((await knock(shared, { ...genuine, body }, header)).status).toBe(401);
    }
    for (const elsewhere of [stop(shared), { ...genuine, path: `/agents/${shared.bob}/refresh-token` }]) {
      expect((await knock(shared, { ...elsewhere, body: genuine.body }, header)).status).toBe(401);
    }
    expect(await everything(shared)).toEqual(before);
    expect((await knock(shared, genuine, header)).status).toBe(200);
  });

  it('S-23: of a hundred copies of one push that arrive at once, one is taken', async () => {
    const shared = await makeSharedControlServer();
    const push = orderOf('POST /agents/:agent/stop', shared);
    const header = `Bearer ${await pushToken(push)}`;
    const answers = await Promise.all(Array.from({ length: 100 }, () => knock(shared, push, header)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(99);
  });

  it('S-23: an opening that is forged, replayed, older or for another container ends no session and opens none', async () => {
    const shared = await makeSharedControlServer();
    const before = await everything(shared);
    const opened = shared.town.container().requests.filter(({ path }) => path === '/session');
    for (const request of opened) {
      expect((await knock(shared, request, request.headers['authorization'] ?? null)).status).toBe(401);
    }
    const right = orderOf('PUT /session', shared);
    const forged = await pushToken(right, { key: await strangersKey() });
    expect((await knock(shared, right, `Bearer ${forged}`)).status).toBe(401);
    const older = { ...right, body: right.body.replace(/"epoch":\d+/, '"epoch":1') };
    expect((await knock(shared, older, `Bearer ${await pushToken(older)}`)).status).toBe(409);
    const elsewhere = { ...right, container: shared.other.containerName() };
    expect((await knock(shared, elsewhere, `Bearer ${await pushToken(elsewhere)}`)).status).toBe(401);
    expect(await everything(shared)).toEqual(before);
  });

  it('W-22: a token that a caller puts into an address is in no line of its log', async () => {
    const agent = `agt_${NO_ID}`;
    const token = await agentToken({ town: `town_${NO_ID}`, agent, inc: 1, gen: 1 });
    for (const path of [
      `/${token}`,
      `/agents/${token}/start`,
      `/agents/${agent}/${token}`,
      `/session?token=${token}`,
    ]) {
      for (const authorization of ['', `Bearer ${token}`]) {
        const request = new Request(`http://container.test${path}`, { method: 'POST', headers: { authorization } });
        expect((await stranger.app.fetch(request)).status).toBe(401);
      }
    }
    // Three of each reason have a line of their own; what repeats is counted.
    expect(lines).toHaveLength(6);
    expect(findSecrets('log', lines.join('\n'), { token })).toEqual([]);
  });

  it('T6: no answer of a control server holds a token or a secret', async () => {
    const shared = await makeSharedControlServer();
    const said: string[] = [];
    shared.town.container().after = (_, answer) => {
      said.push(JSON.stringify(answer));
      return answer;
    };
    await busy(shared);
    const known = { session: shared.session.secret, token: issuedTokensOf(shared.town).at(-1)?.token ?? '' };
    expect(said.length).toBeGreaterThan(3);
    expect(findSecrets('answers', said.join('\n'), known)).toEqual([]);
  });
});

/** Every kind of push, as the town sends it. */
async function busy({ town }: SharedControlServer): Promise<void> {
  await town.work('ada');
  await town.api('POST', '/agents/ada/refresh', {});
  await town.api('POST', '/refresh', {});
  await town.api('POST', '/agents/bob/stop');
  await town.elapse(3_700_000);
}

function problemOf({ status, headers, body }: LabAnswer): object {
  const said = ['content-type', 'cache-control', 'www-authenticate'].map((name) => headers[name] ?? null);
  return { status, said, problem: JSON.parse(body) as Problem };
}

function problemFor(code: ControlProblemCode): object {
  const { status, title } = CONTROL_PROBLEMS[code];
  const challenge = status === 401 ? 'Bearer realm="reeve-container"' : null;
  return {
    status,
    said: ['application/problem+json', 'no-store', challenge],
    problem: { type: 'about:blank', title, status, code },
  };
}
