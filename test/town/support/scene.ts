/** A world with one of everything that a credential can be wrong about. Built once per file; refused calls leave it as it is. */
import { env, runInDurableObject } from 'cloudflare:test';
import { expect, vi } from 'vitest';
import { base64url, randomBytes, sha256 } from '../../../src/lib/secret.ts';
import {
  MAX_TICKETS_PER_TOWN,
  makeId,
  messageIdSchema,
  type AgentId,
  type AgentView,
  type DelegationId,
  type IssuedToken,
  type OpenSession,
  type TownId,
} from '../../../src/protocol/index.ts';
import { callThrough } from '../../../src/http/edge/call-through.ts';
import { PermissionStore } from '../../../src/permissions/permission-store.ts';
import { DelegationStore } from '../../../src/ledger/delegation-store.ts';
import { newKey } from '../../../src/tokens/key-edit.ts';
import { apiKeyOf } from './api-keys.ts';
import { inside } from './inside.ts';
import { lab } from './lab.ts';
import { AUDIENCE } from './oauth-doors.ts';
import { RawReader, readersOf } from './raw-reader.ts';
import { wornCodes, type Codes } from './sign-in-codes.ts';
import { TestTown, api } from './town.ts';
import { CONTAINER_SECRET, currentKeys, useKeys } from './wiring.ts';
import { PATIENT } from '../../support/patient.ts';

/** Agents of the person's own town, by what became of them. */
const FATES = ['live', 'mate', 'cut', 'revoked', 'stopped', 'superseded', 'retired', 'failed'] as const;
type Fate = (typeof FATES)[number];

const DAY_MS = 86_400_000;

export interface Scene {
  readonly town: TestTown;
  /** `live`, `mate`, `cut` and `revoked` are placed in container 0, the others in container 1. */
  readonly agents: Readonly<Record<Fate, AgentView>>;
  /** Message of `live`. */
  readonly message: string;
  /** What `live` asks, and no person has answered. */
  readonly permission: string;
  /** Webhooks by their ids: of `town`, and of `foreign`. Nothing listens there, and they want no event that a call makes. */
  readonly webhooks: { readonly own: string; readonly foreign: string };
  /** API keys by their ids: of the person, and of another. */
  readonly keys: { readonly own: string; readonly foreign: string };
  /** One that is open to `live`, and one in which it has no part. */
  readonly delegations: { readonly own: DelegationId; readonly others: DelegationId };
  /** Sessions of the two containers of `town`. */
  readonly sessions: readonly [OpenSession, OpenSession];
  /** Another town of the same person, whose container was restarted: its session, and the one before. */
  readonly other: { readonly town: TestTown; readonly agent: AgentView; session: OpenSession; ended: OpenSession };
  /** A town whose database was put back: tokens from before are refused. */
  readonly restored: { readonly town: TestTown; readonly agent: AgentView; readonly beforeMs: number };
  /** A town of another person, with an agent at work. */
  readonly foreign: { readonly town: TestTown; readonly agent: AgentView; readonly session: OpenSession };
  /** Tickets for the stream: of `town`, but for the last two, which are of `other` and of `foreign`. */
  readonly tickets: Readonly<Record<'own' | 'used' | 'expired' | 'strangers' | 'other' | 'foreign', string>>;
  /** Of sign-in links. */
  readonly codes: Codes;
  /** An id that no town has. */
  readonly ghost: TownId;
}

export async function buildScene(): Promise<Scene> {
  const { keys } = await currentKeys();
  // One key that still verifies, and one that is tainted, beside the active one.
  await useKeys({ keys: [...keys, await newKey('verify'), await newKey('tainted')] });
  const town = await TestTown.create();
  await town.api('PATCH', '', { token_audiences: [AUDIENCE] });
  const agents = await settle(town);
  const { id: message } = await town.send('live', 'hello');
  await town.until('live', message, 'done');
  const other = await restartedTown();
  const foreign = await foreignTown();
  const scene: Scene = {
    town,
    agents: { ...agents, live: await town.read('live') },
    message,
    permission: await askIn(town, agents.live.id, message),
    webhooks: { own: await webhookOf(town, 'dev'), foreign: await webhookOf(foreign.town, 'somebody-else') },
    keys: { own: (await apiKeyOf('dev')).id, foreign: (await apiKeyOf('somebody-else')).id },
    delegations: await openDelegations(town, agents),
    sessions: [sessionOf(town, 0), sessionOf(town, 1)],
    other,
    restored: await restoredTown(),
    foreign,
    tickets: {
      own: await ticketInto(town, 'dev'),
      used: await usedTicket(town),
      strangers: await ticketInto(town, 'somebody-else'),
      expired: await ticketInto(town, 'dev', 0),
      other: await ticketInto(other.town, 'dev'),
      foreign: await ticketInto(foreign.town, 'dev'),
    },
    codes: await wornCodes(),
    ghost: makeId('town', randomBytes(20)),
  };
  // Nothing that happens by itself is left: what changes from here on, a call has changed.
  await town.elapse(0);
  return scene;
}

/** Makes a webhook, past the edge, and returns its id. */
async function webhookOf({ id: town }: TestTown, person: string): Promise<string> {
  const order = { url: 'https://hooks.example.com/', description: '', events: ['reeve.town.created'] };
  const id = makeId('hook', randomBytes(20));
  await callThrough(env.TOWN.getByName(town).webhooks({ person }), (webhooks) =>
    webhooks.add({ ...order, id, secret: { key: 'key', salt: 'salt' } }),
  );
  return id;
}

/** What a control server was sent when its session was opened last. */
export function sessionOf(town: TestTown, index = 0): OpenSession {
  const request = town.container(index).requests.findLast(({ path }) => path === '/session');
  return JSON.parse(request?.body ?? '{}') as OpenSession;
}

/** Every token that crossed to the containers of a town, oldest first. */
export function issuedTokensOf(town: TestTown, ...indexes: readonly number[]): IssuedToken[] {
  return (indexes.length === 0 ? [0] : indexes)
    .flatMap((index) => town.container(index).requests)
    .flatMap(({ body }) => {
      const sent = JSON.parse(body || '{}') as { grant?: IssuedToken; grants?: IssuedToken[] };
      return [...(sent.grant === undefined ? [] : [sent.grant]), ...(sent.grants ?? [])];
    });
}

async function settle(town: TestTown): Promise<Record<Fate, AgentView>> {
  const made: Partial<Record<Fate, AgentView>> = {};
  for (const name of FATES) {
    // A control server that says of a start that the agent is retired there: the town gives the agent up.
    if (name === 'failed') town.container(1).after = (request, answer) => failedStart(request.path, answer);
    made[name] = await town.agent(name, { role: 'mayor' });
  }
  town.container(1).after = (_, answer) => answer;
  await town.api('POST', '/agents/cut/refresh', { revoke_older: true });
  await town.api('POST', '/agents/revoked/revoke');
  for (const name of ['stopped', 'superseded']) await town.api('POST', `/agents/${name}/stop`);
  await town.api('POST', '/agents/superseded/start');
  await town.api('DELETE', '/agents/retired');
  const ids = Object.fromEntries(FATES.map((name) => [name, made[name]?.id ?? '']));
  const now = await Promise.all(FATES.map(async (name) => [name, await town.read(ids[name] ?? '')] as const));
  const agents = Object.fromEntries(now) as Record<Fate, AgentView>;
  const states = Object.fromEntries(FATES.map((name) => [name, `${agents[name].state} ${agents[name].incarnation}`]));
  expect(states).toEqual({
    live: 'idle 1',
    mate: 'idle 1',
    cut: 'idle 1',
    revoked: 'idle 1',
    stopped: 'stopped 1',
    superseded: 'idle 2',
    retired: 'retired 1',
    failed: 'failed 1',
  });
  return agents;
}

/** A question of an agent, written past the verbs: it is open for a day. */
export function askIn(town: TestTown, agent: AgentId, message: string): Promise<string> {
  const now = lab.clock.now();
  return runInDurableObject(town.stub, (_, { storage }) => {
    const id = makeId('prm', randomBytes(20));
    const turn = { agent, inc: 1, message: messageIdSchema.parse(message), attempt: 1 };
    const asked = {
      title: 'Write',
      kind: 'edit',
      input: '',
      options: [{ id: 'y', name: 'Yes', kind: 'allow_once' as const }],
    };
    new PermissionStore(storage.sql).add(
      { id, ...turn, ...asked, requestedAtMs: now, expiresAtMs: now + DAY_MS },
      now + DAY_MS,
    );
    return id;
  });
}

/** Written past the verbs, so that no agent learns of them and they stay open. */
async function openDelegations(
  town: TestTown,
  { live, cut, stopped }: Record<Fate, AgentView>,
): Promise<{ own: DelegationId; others: DelegationId }> {
  const open = {
    parent: null,
    depth: 1,
    task: 'hello',
    createdAtMs: lab.clock.now(),
    deadlineAtMs: lab.clock.now() + DAY_MS,
  };
  const ids = await runInDurableObject(town.stub, (_, { storage }) => {
    const delegations = new DelegationStore(storage.sql);
    const [own, others] = [makeId('dlg', randomBytes(20)), makeId('dlg', randomBytes(20))];
    delegations.add({ ...open, id: own, from: stopped.id, to: live.id });
    delegations.add({ ...open, id: others, from: stopped.id, to: cut.id });
    return { own, others };
  });
  // Any request arms the alarm for their deadline.
  await town.read('live');
  return ids;
}

function failedStart<T extends { status: number; body: string }>(path: string, answer: T): T {
  if (!path.endsWith('/start')) return answer;
  const started = JSON.parse(answer.body) as object;
  return { ...answer, status: 410, body: JSON.stringify({ ...started, outcome: 'retired', gen: 0, process_id: 0 }) };
}

async function restartedTown(): Promise<Scene['other']> {
  const town = await TestTown.create();
  await town.agent('ada');
  const ended = sessionOf(town);
  town.container().restart();
  await api('POST', '/v1/container/hello', { version: 1 }, CONTAINER_SECRET);
  const agent = await againIdle(town);
  return { town, agent, session: sessionOf(town), ended };
}

async function restoredTown(): Promise<Scene['restored']> {
  const town = await TestTown.create();
  await town.agent('ada');
  const beforeMs = lab.clock.now();
  await town.api('POST', '/restored', {});
  return { town, agent: await againIdle(town), beforeMs };
}

/** The agent `ada`, once its second incarnation runs. */
function againIdle(town: TestTown): Promise<AgentView> {
  return vi.waitFor(async () => {
    await town.elapse(1000);
    const agent = await town.read('ada');
    if (agent.incarnation !== 2 || agent.state !== 'idle') throw new Error(`${agent.state} ${agent.incarnation}`);
    return agent;
  }, PATIENT);
}

/** Made as the person, and then given away. */
async function foreignTown(): Promise<Scene['foreign']> {
  const town = await TestTown.create();
  await town.agent('eve');
  await town.work('eve');
  const agent = await town.read('eve');
  await giveAway(town, 'somebody-else');
  return { town, agent, session: sessionOf(town) };
}

/** Another person is its owner from now on, and the person of the tests no member. */
export async function giveAway(town: TestTown, to: string): Promise<void> {
  expect((await town.api('PUT', `/members/${to}`, { role: 'owner' })).status).toBe(201);
  expect((await town.api('DELETE', '/members/dev')).status).toBe(200);
}

/** A ticket of a person, past the edge. It lasts while the matrix is gone through, unless it is to be over. */
export async function ticketInto(town: TestTown, person: string, lifeMs = 3_600_000): Promise<string> {
  const ticket = base64url(randomBytes(32));
  const endsAtMs = lab.clock.now() + lifeMs;
  const row = { digest: await sha256(ticket), person, expiresAtMs: endsAtMs, endsAtMs };
  await inside(town, (p) => p.tickets.add(row, MAX_TICKETS_PER_TOWN, lab.clock.now()));
  return ticket;
}

async function usedTicket(town: TestTown): Promise<string> {
  const ticket = await ticketInto(town, 'dev');
  (await RawReader.with(town, ticket)).close();
  await vi.waitFor(async () => expect(await readersOf(town)).toEqual([]), PATIENT);
  return ticket;
}
