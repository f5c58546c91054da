import type { TownTools } from '../clients/town-tools.ts';
import { pause, type Clock } from '../lib/clock.ts';
import { firstAbort } from '../lib/first-abort.ts';
import type { ToolResult } from './tool-result.ts';
import { TOOLS, type AskedPeople } from './tool-table.ts';

/** The turn that an agent works on. */
export interface ToolTurn {
  /** Aborts when the turn is over, for whatever reason: its calls end with it. */
  readonly over: AbortSignal;
  /** Takes what the agent says that it is at: the `current_task` of its heartbeat. */
  readonly report: (task: string) => void;
  readonly people: AskedPeople;
  /** Of the turn's span: what its calls ask of the town belongs to the same trace. */
  readonly traceparent: string | null;
}

/** One incarnation of one agent, as its tools see it. */
export interface ToolUser {
  /** Both for the log. */
  readonly agent: string;
  readonly inc: number;
  /** The town, called as this agent, each time with the token that is in its cell then. Trying again ends with `until`. */
  readonly town: (until: AbortSignal, traceparent: string | null) => TownTools;
  /** The turn under way; null between two. */
  readonly turn: () => ToolTurn | null;
}

/** Shorter than the minute after which MCP clients give up, so that the model reads why. */
const CALL_MS = 45_000;
/** A call waits this long (ms) for a person; the next one goes on waiting. */
const PERSON_MS = 40_000;

/**
 * One call of a tool. It ends with its turn, with `gone`, and after `CALL_MS`, whatever comes first. A request that is on its way
 * to the town goes on then, and its answer is dropped. Never rejects.
 * @param gone aborts with the agent, and when the caller goes away
 */
export async function callTool(
  clock: Clock,
  user: ToolUser,
  name: string,
  args: unknown,
  gone: AbortSignal,
): Promise<ToolResult> {
  const tool = TOOLS.find((one) => one.name === name);
  if (tool === undefined) return { ok: false, code: 'unknown_tool' };
  const turn = user.turn();
  if (gone.aborted) return { ok: false, code: 'over' };
  if (turn === null || turn.over.aborted) return { ok: false, code: 'no_turn' };
  const call = firstAbort(gone, turn.over);
  const cut = pause(clock, call.signal, CALL_MS).then((end): ToolResult => {
    if (end === 'elapsed') return { ok: false, code: 'timeout' };
    return { ok: false, code: gone.aborted ? 'over' : 'turn_over' };
  });
  const { report, people, traceparent } = turn;
  const orPending = <T>(answer: Promise<T>) =>
    Promise.race([answer, pause(clock, call.signal, PERSON_MS).then(() => 'pending' as const)]);
  const result = tool.run({ town: user.town(call.signal, traceparent), report, people, orPending }, args);
  const first = await Promise.race([result, cut]);
  call.end();
  return first;
}
