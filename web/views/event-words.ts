/** What happened, in words. An event of a kind that is not known here is shown by its type. */
import type { StreamEvent } from '../../client/index.ts';
import { duration } from '../lib/time.ts';
import type { Tone } from '../parts/status.tsx';

type Type = StreamEvent['type'];
type Of<T extends Type> = Extract<StreamEvent, { type: T }>;
type NameOf = (agent: string) => string;
type Words<T extends Type> = (data: Of<T>['data'], nameOf: NameOf, subject: string) => string;

/** What an event can be filtered by: the middle of its type. */
export const nounsOf = ({ type }: StreamEvent): string[] => type.split('.').slice(1, 2);

const BAD =
  /^reeve\.(agent\.(start_failed|exited|failed|gone|teardown_given_up)|container\.lost|token\.failed|message\.dead_lettered|webhook\.disabled|delegation\.(expired|result_refused))$/;
const WARN = /^reeve\.(agent\.(stalled|revoked)|permission\.requested|message\.queued_again|town\.restored)$/;

/** How much it wants of a person. */
export function toneOf(event: StreamEvent): Tone {
  if (BAD.test(event.type)) return 'bad';
  if (event.type === 'reeve.turn.finished') return event.data.state === 'done' ? 'good' : 'bad';
  if (event.type === 'reeve.sweep.finished') return event.data.failed > 0 ? 'bad' : 'good';
  return WARN.test(event.type) ? 'warn' : 'off';
}

/** The rest of a sentence that begins with the agent, where there is one. */
export function sentenceOf({ type, data, subject }: StreamEvent, nameOf: NameOf): string {
  // Each type's words take the data of that type, which the compiler cannot follow through a look-up.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const words = WORDS[type] as ((data: StreamEvent['data'], nameOf: NameOf, subject: string) => string) | undefined;
  return words?.(data, nameOf, subject) ?? plain(type);
}

/** `reeve.agent.teardown_confirmed`: agent teardown confirmed. */
const plain = (type: string): string => type.replace(/^reeve\./, '').replaceAll(/[._]/g, ' ');

const said = (word: string): string => word.replaceAll('_', ' ');
const person = (subject: string): string => subject.replace(/^person:/, '');
const list = (names: readonly string[]): string => (names.length > 5 ? `${names.length} agents` : names.join(', '));

const WORDS: { readonly [T in Type]?: Words<T> } = {
  'reeve.agent.created': ({ role }) => `was created as a ${role}`,
  'reeve.agent.starting': ({ wait_ms: wait }) => (wait > 0 ? `starts again in ${duration(wait)}` : 'is starting'),
  'reeve.agent.started': ({ incarnation }) => `started: incarnation ${incarnation}`,
  'reeve.agent.start_failed': ({ reason, detail }) => `did not start: ${said(reason)}. ${detail}`,
  'reeve.agent.exited': ({ reason, detail }) => `ended: ${said(reason)}. ${detail}`,
  'reeve.agent.gone': ({ why }) => `is gone: ${said(why)}`,
  'reeve.agent.stalled': ({ why }) => (why === 'silent' ? 'has not been heard' : 'makes no progress'),
  'reeve.agent.recovered': () => 'is back',
  'reeve.agent.failed': ({ restarts }) => `was given up after ${restarts} restarts`,
  'reeve.agent.stopped': () => 'was stopped',
  'reeve.agent.revoked': () => 'had its tokens revoked',
  'reeve.agent.retired': () => 'was torn down',
  'reeve.token.issued': ({ reason, agents }, nameOf) =>
    `token for ${list(agents.map(({ agent, generation }) => `${nameOf(agent)} (generation ${generation})`))}, by ${reason}`,
  'reeve.token.failed': ({ outcome, detail }) => `a token did not arrive: ${said(outcome)}. ${detail}`,
  'reeve.token.exchanged': ({ audience }) => `exchanged its token for ${audience}`,
  'reeve.sweep.finished': ({ due, ok, failed }) =>
    `sweep: ${ok} of ${due} confirmed${failed > 0 ? `, ${failed} failed` : ''}`,
  'reeve.container.lost': ({ agents }, nameOf) => `container lost, with ${list(agents.map(nameOf))}`,
  'reeve.container.found': () => 'container found again',
  'reeve.message.accepted': ({ sender }) => `message from ${person(sender)}`,
  'reeve.message.delivered': ({ messages }) =>
    messages.length === 1 ? 'was handed a message' : `was handed ${messages.length} messages`,
  'reeve.message.queued_again': () => 'its message is queued again',
  'reeve.message.cancelled': () => 'a message was cancelled',
  'reeve.message.dead_lettered': ({ error }) => `message given up: ${error}`,
  'reeve.turn.started': ({ attempt }) => `began a turn${attempt > 1 ? `, try ${attempt}` : ''}`,
  'reeve.turn.tool_call': ({ title, status }) => `${title}: ${said(status)}`,
  'reeve.turn.finished': ({ state, error }) =>
    state === 'done' ? 'finished its turn' : `failed: ${error ?? 'it did not say why'}`,
  'reeve.permission.requested': ({ title }) => `asks: ${title}`,
  'reeve.permission.answered': ({ by }) => `was answered by ${person(by)}`,
  'reeve.mail.sent': ({ to }, nameOf) => `wrote to ${nameOf(to)}`,
  'reeve.delegation.created': ({ to }, nameOf) => `handed a task to ${nameOf(to)}`,
  'reeve.delegation.finished': ({ state }) => `delegation ${state}`,
  'reeve.member.added': ({ role, by }, _, subject) => `${subject} is ${role} from now on, by ${by}`,
  'reeve.member.changed': ({ role, by }, _, subject) => `${subject} is ${role} from now on, by ${by}`,
  'reeve.member.removed': ({ by }, _, subject) => `${subject} is no member any more, by ${by}`,
};
