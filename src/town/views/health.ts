/** The health of a town: what is wrong, since when, and what to do about it. Pure. */
import { CLOCK_TOLERANCE_SECONDS, agentIdSchema, type HealthReason, type TownHealth } from '#protocol';
import { timestamp } from '#lib/clock.ts';
import { needsSweep, takesMessages, type Agent } from '../../roster/agent.ts';
import type { Credential } from '../../tokens/credential.ts';
import type { ContainerRecord } from '../state/container-store.ts';
import type { Withdrawal } from '../../outbox/withdrawal-store.ts';
import type { Permission } from '../../permissions/permission.ts';
import type { ProcessFailure } from '../../roster/runtime-store.ts';
import type { FailedWork } from '../state/failure-store.ts';
import type { SweepRecord } from '../state/sweep-store.ts';
import type { Webhook } from '../../webhooks/webhook.ts';
import { webhookReasons } from './webhook-view.ts';
import * as kinds from './health-reasons.ts';
import type { Kind } from './health-reasons.ts';

/** An agent with what its health is computed from. */
export interface AgentHealth {
  readonly agent: Agent;
  readonly credential: Credential;
  /** The oldest of its cancelled messages that the control server has yet to let go of. */
  readonly withdrawal: Withdrawal | null;
  /** Its queued messages, or null: there are none. */
  readonly queued: { readonly count: number; readonly sinceMs: number } | null;
  /** Why its process came to nothing last, until a turn comes to its end. */
  readonly failure: ProcessFailure | null;
}

/** What the health is computed from, read in one step. */
export interface HealthInput {
  readonly agents: readonly AgentHealth[];
  /** Agents whose credential cannot be read. */
  readonly unreadable: readonly Agent[];
  /** Due work that throws, the longest first. */
  readonly failures: readonly FailedWork[];
  /** What agents ask and no person has settled, the oldest first. */
  readonly questions: readonly Permission[];
  readonly containers: readonly ContainerRecord[];
  readonly webhooks: readonly Webhook[];
  /** Newest first. */
  readonly sweeps: readonly SweepRecord[];
  /** Steps that a newer release has run in the database, and since when this one works over them. */
  readonly schemaAhead: { readonly steps: readonly string[]; readonly sinceMs: number };
  readonly activeKid: string;
  /** Tokens that were issued before are refused. */
  readonly validFromMs: number;
  readonly nowMs: number;
}

const TOLERANCE_MS = CLOCK_TOLERANCE_SECONDS * 1000;
/** A start may take this long (ms) before it shows in the health. */
const START_GRACE_MS = 60_000;
/** So may the withdrawal of a cancelled message. */
const WITHDRAWAL_GRACE_MS = 60_000;

/** A message may wait this long (ms) for its delivery before it shows in the health, and this long before it is an outage. */
const WAIT_GRACE_MS = 60_000;
const WAIT_OUTAGE_MS = 600_000;

/** Every reason that holds now; the status is that of the worst. */
export function townHealth(input: HealthInput): TownHealth {
  const reasons = [
    ...schemaReasons(input),
    ...sweepReasons(input),
    ...clockReasons(input),
    ...input.unreadable.flatMap((agent) => when(true, null, agent, kinds.UNREADABLE) ?? []),
    ...input.failures.map(workReason),
    ...input.containers.flatMap(containerReasons),
    ...input.containers.flatMap((container) => refusedReasons(input, container)),
    ...input.agents.flatMap((row) => agentReasons(input, row.agent, row.credential)),
    ...input.agents.flatMap(({ agent, withdrawal }) => withdrawalReasons(input, agent, withdrawal)),
    ...input.agents.flatMap((row) => queueReasons(input, row)),
    ...input.agents.flatMap(({ agent, failure }) => processReasons(agent, failure)),
    ...input.questions.map(questionReason),
    ...input.webhooks.flatMap((webhook) => webhookReasons(webhook, input.nowMs)),
  ];
  const worst = reasons.some(({ status }) => status === 'red') ? 'red' : 'amber';
  return { status: reasons.length === 0 ? 'green' : worst, reasons };
}

/** A release was rolled back: what its steps added stands, and is not used (decision 8). */
function schemaReasons({ schemaAhead: { steps, sinceMs } }: HealthInput): HealthReason[] {
  if (steps.length === 0) return [];
  const detail = `The database has steps that this release does not know: ${steps.join(', ')}.`;
  return [{ ...kinds.SCHEMA_AHEAD, agent: null, since: timestamp(sinceMs), detail }];
}

/** Work that a broken row, or a rule that does not hold, makes throw: it alone waits. */
function workReason({ work, subject, sinceMs, tries }: FailedWork): HealthReason {
  const agent = agentIdSchema.safeParse(subject);
  const detail = `The work '${work}' on ${subject} has failed ${tries} times in a row; nothing else waits for it.`;
  return { ...kinds.WORK_FAILS, agent: agent.success ? agent.data : null, since: timestamp(sinceMs), detail };
}

/**
 * Two sweeps in a row that had something to do and achieved nothing: the next expiry stops every agent (A-07). It is over, also without
 * another sweep, once every agent at work has got a token since: by a retry, a pull or a delivery. Others get one with their next message.
 */
function sweepReasons({ sweeps, agents }: HealthInput): HealthReason[] {
  const [last, before] = sweeps.filter(({ due }) => due > 0);
  if (last === undefined || before === undefined || last.ok + before.ok > 0) return [];
  if (last.failed === 0 || before.failed === 0) return [];
  const waits = ({ agent, credential }: AgentHealth): boolean =>
    needsSweep(agent.state) && (credential.ackedAtMs ?? 0) < last.startedAtMs;
  if (!agents.some(waits)) return [];
  return [
    {
      code: 'sweeps_fail',
      status: 'red',
      agent: null,
      since: timestamp(before.startedAtMs),
      detail: `Two sweeps in a row refreshed no agent; ${last.failed} agents failed in the last one.`,
      advice: 'Look at last_sweep.results and at the control servers; check CONTAINER_URL and SIGNING_KEYS.',
    },
  ];
}

/**
 * Lost: its agents were placed again, where another address was left. In doubt: its agents are silent, and it does not answer.
 */
function containerReasons({ index, lostAtMs, unheardSinceMs }: ContainerRecord): HealthReason[] {
  const sinceMs = lostAtMs ?? unheardSinceMs;
  if (sinceMs === null) return [];
  const kind = lostAtMs === null ? kinds.CONTAINER_SILENT : kinds.CONTAINER_LOST;
  return [{ ...kind, agent: null, since: timestamp(sinceMs), detail: `Container ${index}: ${kind.detail}` }];
}

/** A restore lies behind, unless the clock was set back further than to it: until it is reached again no token is accepted. */
function clockReasons({ validFromMs, nowMs }: HealthInput): HealthReason[] {
  if (validFromMs <= nowMs + TOLERANCE_MS) return [];
  return [{ ...kinds.RESTORED_AHEAD, agent: null, since: timestamp(nowMs) }];
}

/** A container with agents whose control server answers 401 to what the town signs. */
function refusedReasons(input: HealthInput, { index, lostAtMs, refusedSinceMs }: ContainerRecord): HealthReason[] {
  if (refusedSinceMs === null || lostAtMs !== null) return [];
  if (!input.agents.some(({ agent }) => agent.container === index)) return [];
  const kind = wentBack(input) ? kinds.CLOCK_DISAGREES : kinds.SESSION_REFUSED;
  return [{ ...kind, agent: null, since: timestamp(refusedSinceMs), detail: `Container ${index}: ${kind.detail}` }];
}

/** Whether something that happened bears a time that is yet to come. */
function wentBack({ agents, containers, sweeps, nowMs }: HealthInput): boolean {
  const past = [
    ...agents.flatMap(({ agent, credential }) => [agent.lastHeardAtMs, credential.ackedAtMs, credential.issuedAtMs]),
    ...containers.flatMap(({ refusedSinceMs, unheardSinceMs }) => [refusedSinceMs, unheardSinceMs]),
    ...sweeps.map(({ startedAtMs }) => startedAtMs),
  ];
  return past.some((atMs) => atMs !== null && atMs > nowMs + TOLERANCE_MS);
}

function agentReasons({ nowMs, activeKid }: HealthInput, agent: Agent, credential: Credential): HealthReason[] {
  const atWork = needsSweep(agent.state);
  const { expiresAtMs, failingSinceMs, laggingAtMs, revokedAtMs, ackedAtMs, lastError } = credential;
  const starting = agent.state === 'starting' && agent.startTries > 0;
  const found: (HealthReason | null)[] = [
    when(atWork && expiresAtMs !== null && expiresAtMs <= nowMs, expiresAtMs, agent, kinds.EXPIRED),
    when(failingSinceMs !== null && (atWork || agent.endTries > 0), failingSinceMs, agent, {
      ...kinds.FAILING,
      detail: lastError === null ? kinds.PULLED_INSTEAD : `Pushes fail: ${lastError}.`,
    }),
    when(starting && nowMs - (failingSinceMs ?? nowMs) >= START_GRACE_MS, failingSinceMs, agent, kinds.NOT_STARTING),
    when(agent.state === 'failed', failingSinceMs ?? agent.createdAtMs, agent, kinds.FAILED),
    when(agent.stalledWhy === 'silent', agent.stalledAtMs, agent, kinds.SILENT),
    when(agent.stalledWhy === 'no_output', agent.stalledAtMs, agent, kinds.NO_OUTPUT),
    when(agent.restarts > 1 && agent.state !== 'failed', agent.lastHeardAtMs, agent, {
      ...kinds.RESTARTS,
      detail: `It was started again ${agent.restarts} times without finishing a turn.`,
    }),
    when(agent.endDueAtMs !== null && agent.endTries > 0, agent.endDueAtMs, agent, kinds.END_OPEN),
    when(laggingAtMs !== null, laggingAtMs, agent, kinds.LAGGING),
    when(revokedAtMs !== null, revokedAtMs, agent, kinds.REVOKED),
    when(atWork && credential.kid !== null && credential.kid !== activeKid, ackedAtMs, agent, kinds.OLD_KEY),
  ];
  return found.filter((reason) => reason !== null);
}

/** The first tries are not worth a reason. */
function withdrawalReasons({ nowMs }: HealthInput, agent: Agent, owed: Withdrawal | null): HealthReason[] {
  if (owed === null || nowMs - owed.sinceMs < WITHDRAWAL_GRACE_MS) return [];
  return [{ ...kinds.WITHDRAWAL_OPEN, agent: agent.id, since: timestamp(owed.sinceMs) }];
}

/**
 * Messages that are not handed over, although their agent takes some or is about to. Where it was stopped, revoked or given up they
 * wait for a person, and that has a reason of its own.
 */
function queueReasons({ nowMs }: HealthInput, { agent, credential, queued }: AgentHealth): HealthReason[] {
  if (queued === null || nowMs - queued.sinceMs < WAIT_GRACE_MS || !isServed(agent, credential)) return [];
  const { lastError, lastOutcome } = credential;
  return [
    {
      code: 'messages_wait',
      status: nowMs - queued.sinceMs < WAIT_OUTAGE_MS ? 'amber' : 'red',
      agent: agent.id,
      since: timestamp(queued.sinceMs),
      detail: `${queued.count} waiting for delivery${lastError === null ? '' : `; the last try: ${lastError}`}.`,
      advice: lastOutcome === 'refused' ? REFUSED_ADVICE : WAIT_ADVICE,
    },
  ];
}

/** Whether what is queued for it is handed over without a person. */
export function isServed(agent: Agent, { revokedAtMs }: Credential): boolean {
  return revokedAtMs === null && (takesMessages(agent.state) || agent.state === 'starting');
}

/** Its process died and was started again, or is about to be: an agent that was given up has a reason of its own. */
function processReasons(agent: Agent, failure: ProcessFailure | null): HealthReason[] {
  if (failure === null || agent.state === 'failed') return [];
  const { reason, detail, atMs } = failure;
  return [
    {
      ...kinds.PROCESS_FAILED,
      agent: agent.id,
      since: timestamp(atMs),
      detail: `Its process came to nothing: ${detail === '' ? reason : `${reason}, ${detail}`}.`,
    },
  ];
}

/** A turn stands still until it is settled. */
function questionReason({ id, agent, title, state, requestedAtMs, expiresAtMs }: Permission): HealthReason {
  const detail =
    state === 'open'
      ? `It asks '${title}' (${id}) and waits until ${timestamp(expiresAtMs)}.`
      : `It has yet to take the answer to '${title}' (${id}).`;
  return { ...kinds.ASKS, agent, since: timestamp(requestedAtMs), detail };
}

const WAIT_ADVICE =
  'They are sent by themselves once its container is reached; look at its control server and at CONTAINER_URL.';
const REFUSED_ADVICE =
  'Something refuses the request: look at the firewall or proxy in front of its control server. One that is refused eight times alone fails.';

function when(holds: boolean, sinceMs: number | null, agent: Agent, kind: Kind): HealthReason | null {
  return holds ? { ...kind, agent: agent.id, since: timestamp(sinceMs ?? agent.createdAtMs) } : null;
}
