/** What must be true of a town, whatever the weather was. */
import { expect } from 'vitest';
import { splitContainerName, type AgentId, type IssuedToken, type OpenSession } from '../../../src/protocol/index.ts';
import { sha256 } from '../../../src/lib/secret.ts';
import { takesMessages } from '../../../src/roster/agent.ts';
import { mintPushToken } from '../../../src/tokens/mint.ts';
import { planAlarm } from '../../../src/town/state/alarm-plan.ts';
import { lab, type LabContainer, type LabTurn } from './lab.ts';
import { describe, type Outlook, type Snapshot } from './snapshot.ts';
import { claimsOf } from './claims.ts';
import { api } from './town.ts';
import { deployment } from './wiring.ts';

const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };

const GROWING = ['inc', 'minted', 'acked', 'inUse', 'minGen'] as const;
type Growing = Record<(typeof GROWING)[number], number>;

/** Why a message failed of which no turn came to an end. */
const ENDED_BY_THE_TOWN = ['agent_retired', 'attempts_exhausted'];

/** Holds one town against what was promised; remembers what it saw, because some of it may never fall again. */
export class Promises {
  readonly #container: LabContainer;
  readonly #highest = new Map<AgentId, Growing>();
  readonly #retired = new Set<AgentId>();
  #calls = lab.agentCalls.length;
  readonly #turns = lab.turns.length;

  constructor(container: LabContainer) {
    this.#container = container;
  }

  /** At every moment, also in the middle of a storm. */
  always(snapshot: Outlook): void {
    if (planAlarm(snapshot.due, snapshot.now) !== null) {
      expect(snapshot.alarm, `T5: something is due, and no alarm is set: ${describe(snapshot)}`).not.toBeNull();
    }
    for (const { agent, credential } of snapshot.agents) {
      const now: Growing = { ...credential, inc: agent.inc };
      const before = this.#highest.get(agent.id);
      for (const key of GROWING) {
        expect(now[key], `T2: ${key} of ${agent.name} never falls`).toBeGreaterThanOrEqual(before?.[key] ?? 0);
      }
      if (this.#retired.has(agent.id)) expect(agent.state, `T9: ${agent.name} stays retired`).toBe('retired');
      if (agent.state === 'retired') this.#retired.add(agent.id);
      expect(now.acked, `what is acked of ${agent.name} was minted`).toBeLessThanOrEqual(now.minted);
      expect(now.inUse, `what ${agent.name} uses was minted`).toBeLessThanOrEqual(now.minted);
      this.#highest.set(agent.id, now);
    }
  }

  /** Once the town is quiet. */
  async quiet(snapshot: Snapshot): Promise<void> {
    this.#alarm(snapshot);
    this.messages(snapshot);
    this.#generations(snapshot);
    this.#agentCalls(snapshot);
    await this.#agents(snapshot);
    await this.#probes(snapshot);
  }

  #alarm(snapshot: Snapshot): void {
    const wanted = planAlarm(snapshot.due, snapshot.now);
    if (wanted === null) expect(snapshot.alarm, 'K-10: nothing is due, and no alarm is set').toBeNull();
    else expect(snapshot.alarm, `T5: an alarm for what is due: ${describe(snapshot)}`).toBeLessThanOrEqual(wanted);
  }

  /**
   * T12: every accepted message is over, once and in order, or waits for an agent that takes none now; no incarnation ran one
   * twice.
   */
  messages(snapshot: Snapshot): void {
    const ends = snapshot.events
      .filter(({ type }) => type === 'reeve.turn.finished')
      .map(({ data }) => (JSON.parse(data) as { message: string }).message);
    for (const { agent: owner, id, state, error } of snapshot.messages) {
      const agent = snapshot.agents.find(({ agent }) => agent.id === owner)?.agent;
      const waits = state === 'queued' && agent !== undefined && !takesMessages(agent.state);
      if (!waits) expect(state, `T12: a message of ${agent?.name}`).toMatch(/^(done|failed|cancelled)$/);
      const reports = ends.filter((message) => message === id).length;
      const noTurn = waits || state === 'cancelled' || ENDED_BY_THE_TOWN.includes(error ?? '');
      expect(reports, 'the end of a turn is reported once').toBe(noTurn ? 0 : 1);
    }
    const begun = lab.turns.slice(this.#turns);
    inOrder(snapshot, begun, ends);
    const turns = begun.map(({ agent, inc, message }) => `${agent} ${inc} ${message}`);
    expect(turns, 'no incarnation runs a message twice').toEqual([...new Set(turns)]);
  }

  /** W-33, T2: each generation has exactly one audit event; it was stored before it left, and exactly one token of it left. */
  #generations(snapshot: Snapshot): void {
    const issued = snapshot.events
      .filter(({ type }) => type === 'reeve.token.issued')
      .flatMap(({ data }) => (JSON.parse(data) as { agents: { agent: AgentId; generation: number }[] }).agents);
    const sent = this.#container.requests.flatMap(({ body }) => issuedTokensIn(body));
    for (const { agent, credential } of snapshot.agents) {
      const generations = issued.filter((one) => one.agent === agent.id).map(({ generation }) => generation);
      expect(generations, `W-33: audit events of ${agent.name}`).toEqual(Array.from(generations, (_, at) => at + 1));
      expect(generations.length, `W-33: audit events of ${agent.name}`).toBe(credential.minted);
      const left = sent.filter((one) => one.agent === agent.id);
      for (const [gen, tokens] of Map.groupBy(left, (one) => one.gen)) {
        expect(gen, 'T2: stored before it leaves').toBeLessThanOrEqual(credential.minted);
        expect(new Set(tokens.map(({ jti }) => jti)).size, 'one token of a generation').toBe(1);
      }
    }
  }

  /**
   * No call of a live agent was refused: 401 is for who was stopped, revoked, retired or replaced, and for a call that was under
   * way with a token that a person cut off, or that was issued before a restore.
   */
  #agentCalls(snapshot: Snapshot): void {
    const calls = lab.agentCalls.slice(this.#calls);
    this.#calls = lab.agentCalls.length;
    for (const { path, bearer } of calls.filter(({ status, bearer }) => status === 401 && bearer.includes('.'))) {
      const { agent: id, inc, gen, iat } = claimsOf(bearer);
      const found = snapshot.agents.find(({ agent }) => agent.id === id);
      const over =
        found === undefined ||
        inc < found.agent.inc ||
        gen < found.credential.minGen ||
        iat * 1000 < snapshot.validFrom ||
        !mayCall(found);
      expect(over, `401 on ${path}: ${found?.agent.name} ${found?.agent.state} ${inc}, generation ${gen}`).toBe(true);
    }
  }

  /**
   * What runs in the container is what the town says that runs: no other, none missing, and each with a token that was minted.
   */
  async #agents(snapshot: Snapshot): Promise<void> {
    const runs = snapshot.agents.filter(({ agent }) => agent.session !== null && takesMessages(agent.state));
    const held = await this.#held();
    expect(held.map(({ agent, inc }) => `${agent} ${inc}`).toSorted(), `orphans: ${describe(snapshot)}`).toEqual(
      runs.map(({ agent }) => `${agent.id} ${agent.inc}`).toSorted(),
    );
    expect(this.#container.registry.size, 'keys in the registry').toBe(runs.length);
    for (const { agent, credential } of runs) {
      const gen = held.find((one) => one.agent === agent.id)?.gen;
      expect(gen, `what ${agent.name} holds was minted`).toBeLessThanOrEqual(credential.minted);
      expect(gen, `what ${agent.name} acked it holds`).toBeGreaterThanOrEqual(credential.acked);
    }
  }

  /** `GET /agents`, in the session that was opened last. */
  async #held(): Promise<{ agent: AgentId; inc: number; gen: number }[]> {
    const opening = this.#container.requests.findLast(({ path }) => path === '/session');
    if (opening === undefined || !this.#container.running) return [];
    const { session, container } = JSON.parse(opening.body) as OpenSession;
    const { town } = splitContainerName(container);
    const order = { audience: session, town, container, method: 'GET', path: '/agents', bodyDigest: await sha256('') };
    const token = await mintPushToken(await (await deployment()).issuer(), order, lab.clock.now());
    const headers = { authorization: `Bearer ${token}` };
    const { status, body } = await this.#container.ask({ method: 'GET', path: '/agents', headers, body: '' });
    // A control server that came up after it holds no session, so no agent runs.
    if (status === 409) return [];
    expect(status, 'the container answers').toBe(200);
    return (JSON.parse(body) as { agents: { agent: AgentId; inc: number; gen: number }[] }).agents;
  }

  /** Each live agent calls with the token that it holds now. */
  async #probes(snapshot: Snapshot): Promise<void> {
    for (const found of snapshot.agents) {
      const { agent } = found;
      if (agent.session === null || !mayCall(found)) continue;
      let held = '';
      this.#container.registry.register(agent.id, { setToken: (token) => void (held = token) })();
      const { status, body } = await api('POST', '/v1/agent/heartbeat', HEARTBEAT, held);
      expect(status, `the probe of ${agent.name}: ${JSON.stringify(body)} ${describe(snapshot)}`).toBe(200);
    }
  }
}

const mayCall = ({ agent, credential }: Snapshot['agents'][number]): boolean =>
  takesMessages(agent.state) && credential.revokedAtMs === null;

/** T12: turns end in the order of their messages, and so they begin in each incarnation. */
function inOrder({ messages }: Snapshot, begun: readonly LabTurn[], ends: readonly string[]): void {
  // What the town has ended itself may have been on its way all the same: it is no turn that counts.
  const counted = new Map(messages.filter(({ id }) => ends.includes(id)).map((one) => [one.id as string, one]));
  const steps = [
    ...begun.map(({ agent, inc, message }) => ({ what: `${agent} begins in incarnation ${inc}`, message })),
    ...ends.map((message) => ({ what: `${counted.get(message)?.agent} ends`, message })),
  ];
  for (const [what, own] of Map.groupBy(steps, (step) => step.what)) {
    const seqs = own.flatMap(({ message }) => counted.get(message)?.seq ?? []);
    expect(seqs, `T12: ${what} its turns in order`).toEqual(seqs.toSorted((one, other) => one - other));
  }
}

function issuedTokensIn(body: string): IssuedToken[] {
  const { grant: issued, grants: tokens } = JSON.parse(body === '' ? '{}' : body) as {
    grant?: IssuedToken;
    grants?: IssuedToken[];
  };
  return [...(issued === undefined ? [] : [issued]), ...(tokens ?? [])];
}
