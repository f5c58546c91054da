/** What a person types to the door itself, in any frontend: a line of its own, which reaches no agent. */
import type { AgentStanding } from '../../town/agent-standing.ts';
import type { PermissionChoice } from '../../town/delivery/answer-permission.ts';
import { callAs, chatAs } from '../edge/as-person.ts';
import type { TownStub } from '../edge/edge.ts';
import { Refusal } from '../edge/problem.ts';
import { textIn, type Entries } from './transcript.ts';

/** A command with what follows it. */
export type Command =
  { readonly name: 'stop' | 'status' | 'help' } | { readonly name: 'allow' | 'deny'; readonly permission: string };

/** Null: the last that the user said is none. Anything else with a slash is for the agent, which may have commands of its own. */
export function commandIn(entries: Entries): Command | null {
  const last = entries.findLast(({ role }) => role === 'user' || role === 'assistant');
  const text = last?.role === 'user' ? textIn(last.content).trim() : '';
  const [, name, permission = ''] = /^\/(stop|status|help|allow|deny)(?:\s+(\S+))?$/.exec(text) ?? [];
  if (name === 'allow' || name === 'deny') return { name, permission };
  // What is more than the bare word is said to the agent.
  return permission === '' && (name === 'stop' || name === 'status' || name === 'help') ? { name } : null;
}

/** How a question of an agent is answered here. */
export const howToAnswer = (id: string): string => `Answer with /allow ${id} or /deny ${id}`;

const HELP = `Commands, each a message of its own:
/status - what the agent does, what it asks, and its last reply
/stop - ends the turn that it is in; it goes on with its next message
/allow <id> - allows once what it asks for
/deny <id> - denies it
/help - this`;

/** What a command comes to, in words. `town` is a fresh stub for each call. Throws a `Refusal` where the agent is not there. */
export async function carryOut(command: Command, town: Towns, agent: string, person: string): Promise<string> {
  const found = await chatAs(town(), person, 'chat', (chat) => chat.standing(agent));
  if (!found.ok) throw new Refusal('not_found');
  const standing = found.value;
  if (command.name === 'help') return HELP;
  if (command.name === 'status') return statusText(standing);
  if ('permission' in command) {
    const answered = await answer(town, person, command);
    return ANSWERED[answered] ?? `There is no such question.${questionLines(standing)}`;
  }
  const stopped = await callAs(town(), person, 'chat', (me) => me.interruptAgent(agent));
  if (!stopped.ok) return `The turn of ${standing.name} could not be ended now. Try again in a moment.`;
  return standing.isAtWork ? `The turn of ${standing.name} was ended.` : `${standing.name} is in no turn.`;
}

type Towns = () => TownStub;
type Answering = Extract<Command, { readonly permission: string }>;

async function answer(town: Towns, person: string, { name, permission }: Answering): Promise<string> {
  const choose = (choice: PermissionChoice) =>
    callAs(town(), person, 'chat', (me) => me.answerPermission(permission, choice));
  const answered = await choose({ kind: name === 'allow' ? 'allow_once' : 'reject_once' });
  if (answered.ok) return name;
  // A question without such an option can be cancelled, which denies it too.
  if (answered.error !== 'unknown_option' || name === 'allow') return answered.error;
  const cancelled = await choose(null);
  return cancelled.ok ? name : cancelled.error;
}

const ANSWERED: Readonly<Record<string, string>> = {
  allow: 'Allowed.',
  deny: 'Denied.',
  over: 'This question is over, or has another answer.',
  unknown_option: 'This question cannot be allowed once: answer it where its options are shown.',
};

function statusText(standing: AgentStanding): string {
  const { name, state, waiting, lastReply } = standing;
  const queue = waiting === 0 ? '' : `, ${waiting} message${waiting === 1 ? '' : 's'} waiting`;
  const reply = lastReply === null ? '' : `\n\nIts last reply:\n${lastReply}`;
  return `${name} is ${state}${queue}.${questionLines(standing)}${reply}`;
}

const questionLines = ({ questions }: AgentStanding): string =>
  questions.map(({ id, title }) => `\nIt asks for permission: ${title}\n${howToAnswer(id)}`).join('');
