/** What was seen of a run from outside: all that the checks judge by, and the report shows. Times are of one clock, in ms. */
import { z } from 'zod';
import type { EventView } from '#protocol';
import type { Agent, Message, Health } from '../../client/index.ts';

const seenTokenSchema = z.object({ inc: z.number(), gen: z.number() });

/** What an agent's own process wrote down; `at` is when it began a turn, ended it, or was answered. */
export const agentLineSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('began'),
    at: z.number(),
    pid: z.number(),
    agent: z.string(),
    inc: z.number(),
    message: z.string(),
    content: z.string(),
    /** What lay in its file, and what the control server's last call for it carried. */
    held: seenTokenSchema.nullable(),
    told: z.number().nullable(),
  }),
  z.object({
    kind: z.literal('ended'),
    at: z.number(),
    pid: z.number(),
    agent: z.string(),
    inc: z.number(),
    message: z.string(),
    how: z.string(),
  }),
  z.object({
    kind: z.literal('called'),
    at: z.number(),
    pid: z.number(),
    agent: z.string(),
    inc: z.number(),
    gen: z.number(),
    /** Whose token it was, and when it was issued. */
    as: z.string(),
    issuedAt: z.number(),
    status: z.number(),
  }),
]);
export type AgentLine = z.infer<typeof agentLineSchema>;
export type LineOf<K extends AgentLine['kind']> = Extract<AgentLine, { kind: K }>;

/** A call with an agent's token as it crossed the middlebox, and what the Worker itself answered. */
export interface Call {
  /** When it was handed on, and answered. */
  readonly at: number;
  readonly until: number;
  readonly agent: string;
  readonly inc: number;
  readonly gen: number;
  readonly issuedAt: number;
  readonly status: number;
  /** Of a problem document; else empty. */
  readonly code: string;
}

/** A message whose acceptance was answered. */
export interface Sent {
  readonly at: number;
  readonly town: string;
  readonly agent: string;
  readonly message: string;
  readonly content: string;
}

/** A person ended the credentials of an incarnation, and was answered at `at`. */
export interface Cut {
  readonly at: number;
  readonly kind: 'revoke' | 'retire';
  readonly agent: string;
  readonly inc: number;
  /** What a copy of its token came to afterwards; null: the Worker was not reached. */
  readonly copy: { readonly status: number; readonly code: string } | null;
}

/** From when to when something was broken on purpose. */
export interface Trouble {
  readonly from: number;
  readonly to: number;
  readonly kind: string;
  /** The only one that it concerns; absent: all. */
  readonly agent?: string;
}

/** One town, as it told of itself in the end, or before it was deleted. */
export interface TownStory {
  readonly town: string;
  /** Nothing is promised of what it had not finished. */
  readonly deleted: boolean;
  readonly agents: readonly Pick<Agent, 'id' | 'name' | 'state' | 'incarnation'>[];
  readonly messages: readonly Message[];
  readonly events: readonly EventView[];
}

/** When the town minted a token, and how long after that (ms) its container confirmed it. */
export interface Ack {
  readonly at: number;
  readonly lagMs: number;
}

/** What there was when all was calm again. */
export interface Aftermath {
  /** Null: it did not come to rest. */
  readonly calmAfterMs: number | null;
  readonly unwell: Health['reasons'];
  /** Of each control server: agents that run, and agents whose token is held. */
  readonly containers: readonly { readonly running: number; readonly registered: number }[];
  /** Of agents that run by the word of their towns. */
  readonly live: number;
}

/** After everything was stopped: processes that are still there, and where secrets were found. */
export interface LeftBehind {
  readonly processes: readonly string[];
  readonly secrets: readonly string[];
}

export interface History {
  readonly seed: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** Seconds that a token lives. */
  readonly ttlSeconds: number;
  readonly towns: readonly TownStory[];
  readonly sent: readonly Sent[];
  readonly lines: readonly AgentLine[];
  readonly calls: readonly Call[];
  readonly cuts: readonly Cut[];
  readonly troubles: readonly Trouble[];
  readonly acks: readonly Ack[];
  /** Null: the run was ended before, and nothing is said of what had yet to come. */
  readonly aftermath: Aftermath | null;
  readonly leftBehind: LeftBehind;
}

/** Whether nothing was broken at this time, nor in the `settleMs` before it. */
export const isCalm = (troubles: readonly Trouble[], at: number, settleMs: number): boolean =>
  !troubles.some(({ from, to }) => from <= at && at <= to + settleMs);
