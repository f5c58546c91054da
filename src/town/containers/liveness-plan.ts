/** When an agent at work counts as stalled, and when it is given up. Pure: the whole rule is in this file. */
import type { StallReason } from '#protocol';
import { HEARD_WRITTEN_EVERY_MS } from '../../roster/agent.ts';

/** An agent that missed so many heartbeats in a row is silent. */
const SILENT_AFTER_BEATS = 3;
/** An agent that works this long (ms) without output is stalled. */
const NO_OUTPUT_AFTER_MS = 15 * 60_000;
/** An agent that is silent this long (ms) is given up, where its container answers; so is a container that is silent. */
export const GIVEN_UP_AFTER_MS = 10 * 60_000;
/**
 * Whatever is due and comes later than this (ms) was not on time: in between the town was away and no sign of life could
 * arrive.
 */
const AWAY_AFTER_MS = 60_000;

/** What the town has of an agent at work, all by its own clock. */
export interface Signs {
  /** Since when signs of life are expected: it began to work, or the town came back. */
  readonly watchedFromMs: number;
  readonly lastHeardAtMs: number | null;
  readonly progressAtMs: number | null;
}

/** What the signs of one agent come to. */
export interface Judgement {
  /** Null: it is well. Silence comes first: nothing is known of the output of a silent agent. */
  readonly stalled: StallReason | null;
  /** It was silent for so long that, where its container answers, it is started anew. */
  readonly isGivenUp: boolean;
  /** When it is checked next, if it gives no sign of life before. */
  readonly livenessCheckAtMs: number;
}

/** Rare heartbeats make it slower: no agent is stalled before three are missing, or given up before a fourth is. */
export function judge(signs: Signs, heartbeatMs: number, nowMs: number): Judgement {
  const heardAtMs = Math.max(signs.watchedFromMs, signs.lastHeardAtMs ?? 0);
  const patienceMs = SILENT_AFTER_BEATS * heartbeatMs;
  const silentAtMs = heardAtMs + patienceMs;
  const givenUpAtMs = heardAtMs + Math.max(GIVEN_UP_AFTER_MS, patienceMs + heartbeatMs);
  const progressAtMs = Math.max(signs.watchedFromMs, signs.progressAtMs ?? 0);
  const noOutputAtMs = progressAtMs + Math.max(NO_OUTPUT_AFTER_MS, patienceMs);
  if (nowMs >= silentAtMs) {
    const isGivenUp = nowMs >= givenUpAtMs;
    const nextMs = nowMs + patienceMs;
    return { stalled: 'silent', isGivenUp, livenessCheckAtMs: isGivenUp ? nextMs : Math.min(nextMs, givenUpAtMs) };
  }
  if (nowMs >= noOutputAtMs) return { stalled: 'no_output', isGivenUp: false, livenessCheckAtMs: silentAtMs };
  return { stalled: null, isGivenUp: false, livenessCheckAtMs: Math.min(silentAtMs, noOutputAtMs) };
}

/**
 * What an agent that was stalled for `was` counts as, judged anew. A stall ends with a sign: where only the waiting began anew,
 * because the town was away, nothing is known yet.
 */
export function stillStalled(signs: Signs, was: StallReason | null, judged: StallReason | null): StallReason | null {
  if (judged !== null || was === null) return judged;
  const signAtMs = was === 'silent' ? signs.lastHeardAtMs : signs.progressAtMs;
  return (signAtMs ?? 0) < signs.watchedFromMs ? was : null;
}

/**
 * When the last sign of life may have come of an agent of which this object, which came up at `upAtMs`, has none: what came
 * before is in its row to the minute.
 */
export function mayBeHeardAt(writtenMs: number | null, upAtMs: number): number {
  if (writtenMs === null) return 0;
  return Math.max(writtenMs, Math.min(writtenMs + HEARD_WRITTEN_EVERY_MS, upAtMs));
}

/** Whether the town missed what was due then, so that a silence until now says nothing of the others. */
export function wasAway(dueAtMs: number, nowMs: number): boolean {
  return nowMs - dueAtMs > AWAY_AFTER_MS;
}
