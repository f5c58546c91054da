/** The hourly sweep: fresh tokens for agents at work, one request per container. This file and tokens/refresh-policy.ts answer "when does it refresh?". */
import { MAX_AGENTS_PER_PUSH, type AgentId, type SwapResult, type SwapResults } from '#protocol';
import { needsSweep, type Agent } from '../../roster/agent.ts';
import { dueInSweep, nextSweepAt } from '../../tokens/refresh-policy.ts';
import { RUN_BUDGET_AGENTS } from '../state/alarm-plan.ts';
import { backoffUntil, recordAnswer } from '../containers/containers.ts';
import { recordWorkFailure } from '../agents/due-work.ts';
import { issueRefusal } from '../agents/issue-refusal.ts';
import { issueToken, type IssueAnswer, type IssueOrder } from './issue-token.ts';
import type { TownPorts } from '../ports.ts';
import type { SweepReport, SweepResult } from '../state/sweep-store.ts';

/** Why tokens are pushed, and what is stored with them. */
type Push = Pick<IssueOrder<SwapResults>, 'reason' | 'also' | 'isRepeated'>;

/** The sweep stays due until all that it pushed is recorded. */
const IN_SWEEP: Push = { reason: 'sweep', isRepeated: true };

/**
 * Refreshes every agent at work whose token is due. Runs until `until` or 1,000 agents; what is left is due at once and goes on
 * in the next run, without doing any agent twice. Containers are served side by side, and none waits for another's failure
 * (F9).
 */
export async function refreshSweep(p: TownPorts, until: number): Promise<void> {
  const startedAtMs = p.clock.now();
  const sweepAtMs = p.town.get()?.sweepAtMs ?? Number.POSITIVE_INFINITY;
  if (sweepAtMs > startedAtMs) return;
  const { refreshIntervalMs: intervalMs, activeKid } = p.settings;
  const sweep = { sweepAtMs, nowMs: startedAtMs, intervalMs, activeKid };
  const broken: SweepResult[] = [];
  const due = p.agents.inUse().filter((agent) => {
    try {
      return dueInSweep(p.tokens.get(agent.id), sweep);
    } catch (thrown) {
      broken.push(brokenResult(p, agent, thrown));
      return false;
    }
  });
  const now = due.slice(0, RUN_BUDGET_AGENTS);
  const done = await Promise.all(batches(now).map((batch) => sweepBatch(p, batch, until, IN_SWEEP)));
  const results = done.flat();
  const finishedAtMs = p.clock.now();
  const record = { ...reportOf([...results, ...broken]), startedAtMs, finishedAtMs };
  p.transaction(() => {
    // Past its budget the sweep stays due, and the next run takes up where this one ended.
    if (results.length === due.length) {
      p.town.planSweep(nextSweepAt(p.id, p.settings.refreshIntervalMs, finishedAtMs));
    }
    p.sweeps.add(record);
    const { due: asked, ok, failed, skipped } = record;
    p.events.append('reeve.sweep.finished', p.id, { due: asked, ok, failed, skipped }, finishedAtMs);
  });
  p.pointSweep(p.id, record);
}

/** Pushes to agents at work whose retry is due; the stored plan moves on before anything is sent. */
export async function retryPushes(p: TownPorts, ids: readonly AgentId[], until: number): Promise<void> {
  const agents = ids
    .map((id) => p.agents.get(id))
    .filter((agent): agent is Agent => agent !== null && needsSweep(agent.state));
  await Promise.all(batches(agents).map((batch) => sweepBatch(p, batch, until, { reason: 'sweep' })));
}

/** One request's worth of one container. An agent that the time did not reach is left out of the results. */
async function sweepBatch(p: TownPorts, batch: readonly Agent[], until: number, push: Push): Promise<SweepResult[]> {
  const container = batch[0]?.container ?? 0;
  return p.slots.run('sweep', container, async () => {
    if (p.clock.now() >= until) return [];
    const waitsUntilMs = backoffUntil(p, container);
    if (waitsUntilMs !== null) {
      for (const { id } of batch) p.tokens.retry(id, waitsUntilMs, p.tokens.get(id).retryTries);
      return batch.map(({ id }) => notAsked(p, id));
    }
    return pushEach(p, batch, push);
  });
}

/** All in one request; where a broken row makes that throw, one by one, so that only its agent is left out. */
async function pushEach(p: TownPorts, batch: readonly Agent[], push: Push): Promise<SweepResult[]> {
  try {
    return await pushBatch(p, batch, push);
  } catch (thrown) {
    const [only] = batch;
    if (batch.length === 1 && only !== undefined) return [brokenResult(p, only, thrown)];
    const results: SweepResult[] = [];
    for (const agent of batch) results.push(...(await pushEach(p, [agent], push)));
    return results;
  }
}

function brokenResult(p: TownPorts, { id }: Agent, thrown: unknown): SweepResult {
  recordWorkFailure(p, 'sweep', id, thrown, (atMs) => p.tokens.retry(id, atMs, 0));
  return { agent: id, outcome: 'broken', generation: 0 };
}

/** It was not asked: its container does not answer. */
export function notAsked(p: TownPorts, id: AgentId): SweepResult {
  return { agent: id, outcome: 'held', generation: p.tokens.get(id).acked };
}

/** Sends fresh tokens to agents of one container and returns the control server's own outcome for each. */
export async function pushBatch(p: TownPorts, batch: readonly Agent[], push: Push): Promise<SweepResult[]> {
  const container = batch[0]?.container ?? 0;
  const session = p.containers.get(container)?.session ?? null;
  const here = batch.filter((agent) => agent.session !== null && agent.session === session);
  const elsewhere = batch.filter((agent) => !here.includes(agent));
  const results: SweepResult[] = elsewhere.map(({ id }) => ({ agent: id, outcome: 'not_running', generation: 0 }));
  if (here.length === 0 || session === null) return results;
  let swaps: readonly SwapResult[] = [];
  const answer = await issueToken<SwapResults>(p, {
    ...push,
    agents: here,
    send: async (tokens) => {
      const [only] = tokens;
      if (tokens.length !== 1 || only === undefined)
        return p.link(container).call('refreshMany', session, { agent: null, body: { grants: [...tokens] } });
      const single = await p.link(container).call('refreshOne', session, { agent: only.agent, body: { grant: only } });
      return single.kind === 'answered' ? { kind: 'answered', value: { results: [single.value] } } : single;
    },
    swaps: (value) => (swaps = value.results),
  });
  if (answer.kind !== 'refused' && answer.kind !== 'mint_failed') recordAnswer(p, container, answer);
  if (isRefusedWhole(answer) && here.length > 1) {
    // Something in it made the container refuse the whole request: one by one, only the culprit fails (F9). Where one of them finds
    // that the container does not answer any more, the others wait for their stored retries: this is one slot's time (T7).
    const untilBefore = backoffUntil(p, container);
    for (const agent of here) {
      const isUnanswered = backoffUntil(p, container) !== untilBefore;
      results.push(...(isUnanswered ? [notAsked(p, agent.id)] : await pushBatch(p, [agent], push)));
    }
    return results;
  }
  const outcomes = new Map(swaps.map((swap) => [swap.agent, swap.outcome]));
  const without = answer.kind === 'refused' ? answer.code : answer.kind === 'unreachable' ? answer.reason : answer.kind;
  const missing = answer.kind === 'answered' ? 'no_result' : without;
  for (const { id } of here) {
    const credential = p.tokens.get(id);
    const agent = p.agents.get(id);
    // Left out of a batch that went to others: refused on its own row.
    const refused = agent === null ? null : issueRefusal(agent, credential);
    results.push({ agent: id, outcome: outcomes.get(id) ?? refused ?? missing, generation: credential.acked });
  }
  return results;
}

function isRefusedWhole(answer: IssueAnswer<SwapResults>): boolean {
  return answer.kind === 'unreachable' && answer.reason === 'refused';
}

/**
 * Counts: `ok` where the control server now holds a fresh token, `skipped` where nothing was to be pushed, `failed` for all
 * else.
 */
export function reportOf(results: SweepResult[]): SweepReport {
  const ok = results.filter(({ outcome }) => ['applied', 'current', 'stale'].includes(outcome)).length;
  const skipped = results.filter(({ outcome }) => SKIPPED.includes(outcome)).length;
  return { due: results.length, ok, failed: results.length - ok - skipped, skipped, results };
}

const SKIPPED: readonly string[] = [
  'asleep',
  'not_running',
  'agent_retired',
  'agent_revoked',
  'agent_stopped',
  'incarnation_superseded',
];

/** Agents by container, in the size of one request. */
export function batches(agents: readonly Agent[]): Agent[][] {
  const byContainer = Map.groupBy(agents, (agent) => agent.container);
  return [...byContainer.values()].flatMap((group) => {
    const count = Math.ceil(group.length / MAX_AGENTS_PER_PUSH);
    return Array.from({ length: count }, (_, at) =>
      group.slice(at * MAX_AGENTS_PER_PUSH, (at + 1) * MAX_AGENTS_PER_PUSH),
    );
  });
}
