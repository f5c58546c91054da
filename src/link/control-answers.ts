/**
 * What an answer has to carry to be one to this very request. A body of the right shape about another agent, incarnation,
 * generation or session is an answer to something else, and acknowledges nothing.
 */
import {
  agentEndedSchema,
  agentInterruptedSchema,
  agentStartedSchema,
  messagesAcceptedSchema,
  permissionAnsweredSchema,
  runningAgentsSchema,
  sessionOpenedSchema,
  swapResultSchema,
  swapResultsSchema,
  where,
  type AnswerSchema,
  type ControlCallAnswer,
  type ControlCallName,
  type ControlOrder,
  type IssuedToken,
  type HeldMessage,
  type OpenSession,
  type SessionOpened,
  type SwapOutcome,
  type SwapResult,
} from '#protocol';

/** The answer to an opening: of the boot that was asked, and of this session and epoch. */
export function sessionAnswer(boot: string, { session, epoch }: OpenSession): AnswerSchema<SessionOpened> {
  return where(sessionOpenedSchema, (opened) => {
    return opened.session === session && opened.boot === boot && opened.epoch === epoch;
  });
}

/** What the answer to each call has to carry. */
export const ANSWERS: {
  readonly [N in ControlCallName]: (order: ControlOrder<N>) => AnswerSchema<ControlCallAnswer<N>>;
} = {
  /** `stale` names the higher incarnation, or the stopped one at or above this. A push may have overtaken the start's token. */
  start: ({ agent, body: { inc, grant: token } }) =>
    where(agentStartedSchema, (started) => {
      const runs = started.inc === inc && started.gen >= token.gen;
      const failed = started.failure !== undefined;
      const fits = { started: runs, current: runs, stale: started.inc >= inc, retired: true, failed };
      return started.agent === agent && fits[started.outcome];
    }),

  /** The swap of the token that was sent, and of its messages no other than those that rode along. */
  deliver: ({ body: { grant, messages } }) => {
    const attempts = new Map(messages.map(({ message, attempt }) => [message, attempt]));
    const rodeAlong = ({ message, attempt }: HeldMessage): boolean => attempt >= (attempts.get(message) ?? Infinity);
    return where(messagesAcceptedSchema, ({ swap, messages: held }) => {
      const isOnce = new Set(held.map(({ message }) => message)).size === held.length;
      return isOf(grant, swap) && isOnce && held.every(rodeAlong);
    });
  },

  refreshOne: ({ body: { grant } }) => where(swapResultSchema, (swap) => isOf(grant, swap)),

  /** Results that fit none of the tokens are left out: what is said wrongly of one agent costs the others nothing (F9). */
  refreshMany: ({ body: { grants } }) => {
    const sent = new Map(grants.map((token) => [token.agent, token]));
    const isOfOne = (swap: SwapResult): boolean => {
      const token = sent.get(swap.agent);
      return token !== undefined && isOf(token, swap);
    };
    return {
      safeParse: (value) => {
        const parsed = swapResultsSchema.safeParse(value);
        return parsed.success ? { ...parsed, data: { results: parsed.data.results.filter(isOfOne) } } : parsed;
      },
    };
  },

  /** A stop leaves a higher incarnation alone. */
  stop: ({ agent, body: { inc } }) =>
    where(agentEndedSchema, (ended) => {
      if (ended.agent !== agent) return false;
      return ended.outcome === 'stopped' ? ended.inc === inc : ended.outcome === 'stale' && ended.inc > inc;
    }),

  /** A teardown leaves none. */
  retire: ({ agent }) => where(agentEndedSchema, (ended) => ended.agent === agent && ended.outcome === 'retired'),

  list: () => runningAgentsSchema,

  interrupt: ({ agent, body: { inc } }) =>
    where(agentInterruptedSchema, (interrupted) => {
      const runs = interrupted.inc === inc;
      const fits = { interrupted: runs, idle: runs, incarnation_mismatch: !runs, unknown_agent: true };
      return interrupted.agent === agent && fits[interrupted.outcome];
    }),

  answerPermission: ({ agent, body: { inc } }) =>
    where(permissionAnsweredSchema, (answered) => {
      const runs = answered.inc === inc;
      const fits = { answered: runs, unknown_permission: runs, incarnation_mismatch: !runs, unknown_agent: true };
      return answered.agent === agent && fits[answered.outcome];
    }),
};

/** Whether a swap's result is one of this token: what it acknowledges is exactly what was sent. */
function isOf(token: IssuedToken, swap: SwapResult): boolean {
  const isHeld = swap.inc === token.inc && swap.gen === token.gen;
  const fits: Record<SwapOutcome, boolean> = {
    applied: isHeld,
    current: isHeld,
    stale: swap.inc === token.inc && swap.gen > token.gen,
    incarnation_mismatch: swap.inc !== token.inc,
    conflict: true,
    unknown_agent: true,
    retired: true,
  };
  return swap.agent === token.agent && fits[swap.outcome];
}
