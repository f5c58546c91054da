/** What the built-in agent does with a message. It needs no model and no network; where it runs is its caller's business. */
import type { DelegationId } from '#protocol';
import type { TownTools } from '../../clients/town-tools.ts';
import { heedNotice, runErrand } from './errands.ts';

/** One turn, and what the agent may use in it. */
export interface BrainTurn {
  readonly town: TownTools;
  /** The town's own message, or one of a person. */
  readonly kind: 'system' | 'user';
  readonly content: string;
  /** What was said in this session before, the oldest first. */
  readonly memory: readonly string[];
  /** A piece of the reply. */
  readonly say: (text: string) => void;
  /** Says how far it is: no piece of the reply. */
  readonly progress: (text: string) => void;
  /** Says what it is at. */
  readonly report: (task: string) => Promise<void>;
  /** Asks for permission; false where it is not given. */
  readonly ask: (title: string) => Promise<boolean>;
  /** Who answers, with which generation. */
  readonly whoami: () => object;
  readonly pause: (ms: number) => Promise<void>;
  /** Throws where the turn, or the agent, is over. */
  readonly checkGoesOn: () => void;
}

/** `work N` works at most so long (s). */
const MAX_WORK_SECONDS = 3600;
/** A reply is shown in pieces of so many words. */
const WORDS_PER_PIECE = 8;

/**
 * Answers a message: `work N` takes N seconds, `whoami` says who answers, `fail` fails, `ask TEXT` asks before it does TEXT, `recall`
 * tells what was said before, `peers`, `mail`, `mail PEER TEXT` and `delegate PEER TASK` are errands in the town; all else is
 * echoed. A delegated task is done the same way. Rejects where the turn fails.
 */
export function answer(turn: BrainTurn): Promise<string> {
  if (turn.kind === 'user') return carryOut(turn, turn.content.trim(), null);
  return heedNotice(turn.town, turn.content, async (task, id) => {
    await turn.report(`working on ${id}`);
    return carryOut(turn, task.trim(), id);
  });
}

/** Does what a message or a delegation asks for; `parent` is the delegation that it is done for. */
async function carryOut(turn: BrainTurn, content: string, parent: DelegationId | null): Promise<string> {
  // Asked again here: a delegated task was fetched before, and a stop or an interrupt may have come in that wait.
  turn.checkGoesOn();
  const seconds = /^work (\d+(?:\.\d+)?)$/.exec(content)?.[1];
  if (seconds !== undefined) return work(turn, Math.min(Number(seconds), MAX_WORK_SECONDS));
  if (content === 'fail') throw new Error('The agent was asked to fail');
  const reply = (await runErrand(turn.town, content, parent)) ?? (await answerAlone(turn, content));
  for (const piece of reply.match(new RegExp(`(?:\\S+\\s*){1,${WORDS_PER_PIECE}}`, 'g')) ?? [reply]) turn.say(piece);
  return reply;
}

async function answerAlone(turn: BrainTurn, content: string): Promise<string> {
  if (content === 'whoami') return JSON.stringify(turn.whoami());
  if (content === 'recall') return turn.memory.length === 0 ? 'Nothing was said before' : turn.memory.join('\n');
  const wish = /^ask (.+)$/s.exec(content)?.[1];
  if (wish === undefined) return `You said: ${content}`;
  const isAllowed = await turn.ask(wish);
  turn.checkGoesOn();
  return `${isAllowed ? 'Allowed' : 'Not allowed'}: ${wish}`;
}

async function work(turn: BrainTurn, seconds: number): Promise<string> {
  await turn.report(`working for ${seconds} s`);
  for (let done = 0; done < seconds;) {
    const step = Math.min(1, seconds - done);
    await turn.pause(step * 1000);
    turn.checkGoesOn();
    done += step;
    turn.progress(`${done.toFixed(1)} of ${seconds} s\n`);
  }
  return `worked ${seconds} s`;
}
