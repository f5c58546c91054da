import type { Platform } from '../lib/platform.ts';
import type { AgentClient } from './agent-client.ts';
import type { Cell, HeldToken } from './cell.ts';
import { Loop } from './loop.ts';

interface HalfLifeParts {
  readonly platform: Platform;
  readonly cell: Cell;
  readonly client: Pick<AgentClient, 'pull' | 'isOver'>;
  readonly townNowMs: () => number;
  readonly life: AbortSignal;
}

/** After a pull that brought nothing (ms): half a life is left, so there is no hurry. */
const REST_MS = 60_000;
/** Of a short life it is this share at most, so that several pulls come before its end. */
const REST_SHARE = 1 / 8;

/**
 * Keeps the token of an agent whose process reads it from a file at less than half its age, also while the agent is idle and nothing
 * else refreshes it: what runs there may call the town at any time, and cannot pull for itself. A push in time makes the pull
 * unnecessary, and then there is none. Ends with `life`.
 */
export function refreshAtHalfLife({ platform, cell, client, townNowMs, life }: HalfLifeParts): void {
  let restUntilMs = 0;
  const dueInMs = (): number | null => {
    if (cell.token === null || client.isOver) return null;
    return Math.max(halfLifeMs(cell.token) - townNowMs(), restUntilMs - platform.clock.monoMs(), 0);
  };
  const round = async (): Promise<void> => {
    if (dueInMs() !== 0) return;
    const before = cell.token;
    await client.pull();
    if (before !== null && cell.token === before) restUntilMs = platform.clock.monoMs() + restMs(before);
  };
  new Loop({ platform, life, loop: 'half_life', agent: cell.agent, round, dueInMs }).wake();
}

/** By the town's clock. */
function halfLifeMs(token: HeldToken): number {
  return token.issuedAtMs + lifeMs(token) / 2;
}

const restMs = (token: HeldToken): number => Math.min(REST_MS, lifeMs(token) * REST_SHARE);

const lifeMs = ({ issuedAtMs, expiresAtMs }: HeldToken): number => expiresAtMs - issuedAtMs;
