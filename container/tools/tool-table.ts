/** The tools of a town, as a model sees them. What other agents wrote comes in the fences that the town puts around it. */
import {
  MAX_OPTION_UNITS,
  MAX_PERMISSION_OPTIONS,
  MAX_TASK_UNITS,
  MAX_TITLE_UNITS,
  agentIdSchema,
  agentText,
  delegationIdSchema,
  delegationResultSchema,
  newDelegationSchema,
  newMailSchema,
  permissionIdSchema,
  reportedFaults,
  type DelegationWithText,
  type PermissionId,
} from '#protocol';
import { z } from 'zod';
import type { ToolAnswer, TownTools } from '../clients/town-tools.ts';
import type { ToolResult } from './tool-result.ts';

/** What is asked of people in one turn. */
export interface AskedPeople {
  /** Asks for one of the choices; null: it has asked too much. Does not wait. */
  ask(question: string, choices: readonly string[]): PermissionId | null;
  /** Resolves with the choice, and with null where there is none any more; null: it was not asked in this turn. */
  answerTo(id: PermissionId): Promise<string | null> | null;
}

/** What a call may use: the town, as the agent that calls, and the turn that the call belongs to. */
export interface ToolContext {
  readonly town: TownTools;
  /** Says what the agent is at. */
  readonly report: (task: string) => void;
  readonly people: AskedPeople;
  /** Waits as long as a call may. */
  readonly orPending: <T>(answer: Promise<T>) => Promise<T | 'pending'>;
}

export interface Tool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly inputSchema: { readonly [member: string]: unknown; readonly type: 'object' };
  /** It changes nothing. */
  readonly isReading: boolean;
  /** Checks the arguments, which a model made up, and does it. Never rejects. */
  readonly run: (context: ToolContext, args: unknown) => Promise<ToolResult>;
}

interface Definition<T extends z.ZodObject> {
  readonly description: string;
  readonly schema: T;
  readonly isReading?: true;
  readonly run: (context: ToolContext, args: z.output<T>) => Promise<ToolResult> | ToolResult;
}

/** A position in the mailbox, as the town gives it out. */
const mailCursor = z.string().regex(/^\d{1,15}$/, 'expected the `next` of a page of mail');
const finishSchema = delegationResultSchema.extend({ id: delegationIdSchema });

const personText = (maxUnits: number) => z.string().trim().min(1).max(maxUnits);
const choicesSchema = z.array(personText(MAX_OPTION_UNITS)).min(2).max(MAX_PERMISSION_OPTIONS);

export const TOOLS: readonly Tool[] = [
  define('peers', {
    description:
      'Lists the other agents of your town: name, id, role and state. Where the list ends with `next`, pass it as `after` for more.',
    schema: z.strictObject({ after: agentIdSchema.optional() }),
    isReading: true,
    run: async ({ town }, { after = null }) =>
      show(await town.peers(after), ({ items, next }) => [
        items.length === 0 ? 'No other agents.' : items.map((peer) => JSON.stringify(peer)).join('\n'),
        ...(next === null ? [] : [`next: ${next}`]),
      ]),
  }),
  define('send_mail', {
    description: 'Sends a mail to another agent, by its name or id. It is read when that agent looks into its mail.',
    schema: newMailSchema,
    run: async ({ town }, mail) => show(await town.sendMail(mail), (sent) => [JSON.stringify(sent)]),
  }),
  define('read_mail', {
    description:
      'Reads your unread mail, the oldest first. Pass the `next` of a page as `read_up_to` to mark that page as read and get what follows.',
    schema: z.strictObject({ read_up_to: mailCursor.optional() }),
    run: async ({ town }, { read_up_to = null }) =>
      show(await town.readMail(read_up_to), ({ items, next }) => [
        ...(items.length === 0 ? ['No unread mail.'] : []),
        ...items.map(({ text, ...head }) => `${JSON.stringify(head)}\n${text}`),
        ...(next === null ? [] : [`next: ${next}`]),
      ]),
  }),
  define('delegate', {
    description:
      'Gives a task to another agent, by its name or id. You get a message when it is over; then read the result with read_delegation.',
    schema: newDelegationSchema,
    run: async ({ town }, order) => show(await town.delegate(order), (made) => [JSON.stringify(made)]),
  }),
  define('read_delegation', {
    description: 'Reads a delegation that you gave or were given, by its id: its state, its task and its result.',
    schema: z.strictObject({ id: delegationIdSchema }),
    isReading: true,
    run: async ({ town }, { id }) => show(await town.readDelegation(id), delegationTexts),
  }),
  define('finish_delegation', {
    description:
      'Ends a delegation that you were given: with its result, or as failed and why. The same again changes nothing.',
    schema: finishSchema,
    run: async ({ town }, { id, ...result }) =>
      show(await town.finishDelegation(id, result), (over) => [JSON.stringify(over)]),
  }),
  define('report_status', {
    description: 'Says in a few words what you are working on. People who watch the town see it.',
    schema: z.strictObject({ status: agentText(MAX_TASK_UNITS).min(1) }),
    run: ({ report }, { status }) => {
      report(status);
      return { ok: true, texts: ['Noted.'] };
    },
  }),
  define('ask_person', {
    description:
      'Asks the people of the town a question and waits for one of the choices. It may take minutes: where there is no answer yet you get the ' +
      'id of the question for read_answer.',
    schema: z.strictObject({ question: personText(MAX_TITLE_UNITS), choices: choicesSchema.default(['Yes', 'No']) }),
    run: async (context, { question, choices }) => {
      const id = context.people.ask(question, choices);
      return id === null ? { ok: false, code: 'limit_exceeded' } : answerOf(context, id);
    },
  }),
  define('read_answer', {
    description: 'Waits on for the answer to a question that you asked with ask_person in this turn, by its id.',
    schema: z.strictObject({ id: permissionIdSchema }),
    isReading: true,
    run: (context, { id }) => answerOf(context, id),
  }),
];

async function answerOf({ people, orPending }: ToolContext, id: PermissionId): Promise<ToolResult> {
  const answer = people.answerTo(id);
  if (answer === null) return { ok: false, code: 'unknown_question' };
  const said = await orPending(answer.then((choice) => ({ choice })));
  if (said === 'pending')
    return { ok: true, texts: [`No answer yet. Wait on with read_answer, id ${id}; do not ask again.`] };
  const { choice } = said;
  return { ok: true, texts: [choice === null ? 'The question was closed without an answer.' : `answer: ${choice}`] };
}

function define<T extends z.ZodObject>(name: string, { description, schema, isReading, run }: Definition<T>): Tool {
  return {
    name,
    description,
    inputSchema: { ...z.toJSONSchema(schema, { io: 'input' }), type: 'object' },
    isReading: isReading === true,
    run: async (context, args) => {
      const given = schema.safeParse(args ?? {});
      if (!given.success) return { ok: false, code: 'invalid_arguments', detail: faultsOf(given.error) };
      return run(context, given.data);
    },
  };
}

/** What is wrong, and where; never what was given, but for the names of arguments that there are not, cut short. */
function faultsOf({ issues }: z.ZodError): string {
  const faults = issues.slice(0, MAX_FAULTS).map(({ path, message }) => ({ path: path.join('.'), message }));
  return reportedFaults(faults)
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
    .join('; ');
}

const MAX_FAULTS = 5;

function show<T>(answer: ToolAnswer<T>, texts: (value: T) => string[]): ToolResult {
  return answer.ok ? { ok: true, texts: texts(answer.value) } : { ok: false, code: answer.error };
}

function delegationTexts({ task, result, ...head }: DelegationWithText): string[] {
  return [JSON.stringify(head), `task:\n${task}`, ...(result === null ? [] : [`result:\n${result}`])];
}
