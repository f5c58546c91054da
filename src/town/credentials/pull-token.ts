/**
 * The safety net under the pushes: the control server asks for a fresh token of one of its agents, with its session's secret
 * (A-12, F11).
 */
import type { AgentId, IssuedToken, Pull, TerminalCode } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import { needsSweep } from '../../roster/agent.ts';
import { recordAlive } from '../containers/containers.ts';
import { issueToken } from './issue-token.ts';
import type { TownPorts } from '../ports.ts';

/** A pull of one agent's token, with what proves who asks. */
export interface PullRequest extends Pull {
  readonly container: number;
  readonly agent: AgentId;
  /** base64url SHA-256 of the secret that the control server showed. */
  readonly secretDigest: string;
}

/** `unauthenticated`: no such container, session or secret. `not_found`: not an agent of this container. */
export type PullRefusal = 'unauthenticated' | 'not_found' | 'unavailable' | TerminalCode;

/**
 * Returns a fresh token. The container proves itself before anything is said of its agents. There is no ack for an answer that
 * was lost, so for an agent at work the stored retry stands until it calls with the new generation, or a push confirms it.
 */
export async function pullToken(p: TownPorts, request: PullRequest): Promise<Result<IssuedToken, PullRefusal>> {
  if (p.containers.get(request.container) === null) return err('unauthenticated');
  const trusted = await p.link(request.container).authenticate(request.session, request.secretDigest);
  if (!trusted) return err('unauthenticated');
  recordAlive(p, request.container);
  const agent = p.agents.get(request.agent);
  if (agent === null || agent.container !== request.container) return err('not_found');
  // Above the town's own: from before a restore. A plain refusal, because that incarnation may be reached again.
  if (request.inc > agent.inc) return err('unauthenticated');
  let pulled: IssuedToken | null = null;
  const answer = await issueToken<IssuedToken>(p, {
    agents: [{ ...agent, inc: request.inc }],
    reason: 'pull',
    send: async ([token]) => {
      if (token === undefined) throw new Error('issueToken sends what it allocated');
      pulled = token;
      p.tokens.pulled(agent.id, token.gen, p.clock.now());
      return { kind: 'answered', value: token };
    },
    swaps: null,
  });
  if (answer.kind === 'refused') return err(answer.code);
  if (pulled === null) return err('unavailable');
  if (!needsSweep(agent.state)) p.tokens.retry(agent.id, null, 0);
  return ok(pulled);
}
