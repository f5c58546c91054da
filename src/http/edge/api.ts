/** The schemas that `/openapi.json` calls by a name. The shapes are the protocol's; an example of each is in `public/examples.ts`. */
import { z } from '@hono/zod-openapi';
import * as protocol from '#protocol';
import * as taken from './schemas.ts';
import { exchangeForm, tokenForm } from './oauth-forms.ts';
import { runtimeOrderSchema } from './runtime-order.ts';

/** Gives each schema its key as its name. */
const named = <T extends Readonly<Record<string, z.ZodType>>>(schemas: T): T => {
  const entries = Object.entries(schemas).map(([id, schema]) => [id, schema.meta({ ...schema.meta(), id })] as const);
  // `meta` answers a schema of the same type.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.fromEntries(entries) as T;
};

/** What people send and are answered. */
const forPeople = named({
  NewTown: taken.newTownSchema.describe('A town to create.'),
  TownChange: protocol.townChangeSchema.describe('What is to change: all audiences that tokens may be exchanged for.'),
  NewAgent: taken.newAgentSchema.describe('An agent to create and start. Without `runtime` it is the built-in agent.'),
  AgentChange: taken.agentChangeSchema.describe('What is to change; what is left out stays.'),
  RuntimeOrder: runtimeOrderSchema,
  NewMessage: taken.newMessageSchema.describe('A message to an agent.'),
  Refresh: taken.refreshSchema.describe('`revoke_older`: once the new token has arrived, every older one is refused.'),
  ApiKeyOrder: taken.apiKeyOrderSchema.describe('An API key to make, never with more than the caller may do.'),
  Town: protocol.townSchema.describe('A town, its next and its last sweep.'),
  TownEntry: protocol.townEntrySchema.describe('What a list shows of a town; no town is woken for it.'),
  Caller: protocol.callerSchema.describe('Who is calling: the subject by which others invite them.'),
  Member: protocol.memberSchema.describe('A person in a town, and their role there.'),
  MemberOrder: taken.memberOrderSchema.describe('The role that a person is to have in a town.'),
  DeletedTown: protocol.deletedTownSchema.describe('`deleting`: a container has yet to confirm.'),
  Restore: taken.restoreSchema.describe('Back to the state at a time, or to the state that a bookmark names.'),
  RestoreBegun: protocol.restoreBegunSchema.describe(
    '`undo`: the bookmark of the state that the town leaves, with which the same call undoes this one.',
  ),
  Restored: protocol.restoredSchema.describe('How many containers the town has, and how many have their new session.'),
  Container: protocol.containerSchema.describe('A container of a town, as far as the town knows without asking it.'),
  Health: protocol.townHealthSchema.describe('What is wrong in a town, since when, and what to do about it.'),
  SweepReport: protocol.sweepReportSchema.describe('What the containers did with each token of a refresh.'),
  Agent: protocol.agentSchema.describe('An agent and the health of its credential, of which no text is in any answer.'),
  Credential: protocol.credentialSchema.describe(
    'Tokens of an agent over time, the newest first, without their texts.',
  ),
  Permission: protocol.permissionSchema.describe('A question of an agent, open or settled.'),
  PermissionAnswer: protocol.permissionAnswerSchema.describe('Exactly one of `option`, `kind` and `cancelled`.'),
  Preset: protocol.presetSchema.describe('An agent that can be chosen by name, and whether it may run here.'),
  ApiKey: protocol.apiKeySchema.describe('An API key, without its text.'),
  NewApiKey: protocol.newApiKeySchema.describe('An API key with its text, which is shown this once.'),
  SignInLinkOrder: taken.signInLinkOrderSchema.describe(
    'A link to sign in with, which may allow less than the caller.',
  ),
  SignInCode: taken.signInCodeSchema.describe('What stands behind `#sign-in=` in the address of a link.'),
  SignInLink: protocol.signInLinkSchema.describe('Signs its maker in at the console, once, and soon.'),
  SignInWays: protocol.signInWaysSchema.describe('How people may sign in at the console, beside an API key.'),
  Message: protocol.messageSchema.describe('A message to an agent, its state, and its reply once it is `done`.'),
  Ticket: protocol.streamTicketSchema.describe('Opens one stream of one town, once.'),
  Event: protocol.eventSchema.describe(
    'What happened in a town: a CloudEvent 1.0 whose `type` says what its `data` is.',
  ),
  StreamReaderFrame: protocol.streamReaderFrameSchema.describe('What a reader of the stream says.'),
  Delegation: protocol.delegationSchema.describe('A task that one agent handed to another.'),
  NewWebhook: taken.newWebhookSchema.describe('Where to post, and which events: types, or how types begin, with `.*`.'),
  WebhookChange: taken.webhookChangeSchema.describe(
    'What is to change; what is left out stays. Enabled, it goes on where it stopped.',
  ),
  Webhook: protocol.webhookSchema.describe('An address that events are posted to, and how it fares.'),
  WebhookWithSecret: protocol.webhookWithSecretSchema.describe('A webhook with its secret, which is shown this once.'),
  WebhookTest: protocol.webhookTestSchema.describe('What came of an event that was posted for trial.'),
  Problem: protocol.problemSchema.describe('Why a request was refused (RFC 9457); `code` never changes its meaning.'),
});

/** What agents and containers send and are answered. */
const forAgents = named({
  Heartbeat: protocol.heartbeatSchema.describe('A sign of life of an agent at work.'),
  HeartbeatAnswer: protocol.heartbeatAnswerSchema.describe(
    '`lagging`: a newer token waits, and the container pulls it.',
  ),
  EventBatch: protocol.eventBatchSchema.describe(
    'What happened in the turns of an agent; `counter` grows with each batch.',
  ),
  EventBatchAnswer: protocol.eventBatchAnswerSchema.describe('`repeated`: nothing was stored again.'),
  Peers: protocol.peersSchema.describe('A page of the other live agents of the town.'),
  NewMail: protocol.newMailSchema.describe('A text to another agent.'),
  MailSent: protocol.mailSentSchema.describe('The mail is in the inbox of its reader.'),
  MailPage: protocol.mailPageSchema.describe('A page of unread mail, each text in a fence.'),
  NewDelegation: protocol.newDelegationSchema.describe('A task for another agent.'),
  DelegationWithText: protocol.delegationWithTextSchema.describe(
    'A delegation with its task and its result, in fences.',
  ),
  DelegationResult: protocol.delegationResultSchema.describe('What came of a delegation.'),
  TokenExchange: exchangeForm,
  PresentedToken: tokenForm,
  ExchangedToken: protocol.exchangedTokenSchema.describe('A token for a third party (RFC 8693).'),
  Introspection: protocol.introspectionSchema.describe(
    'What an active token says, or that it is not active (RFC 7662).',
  ),
  Revoked: z.strictObject({}).describe('The token is not active any more (RFC 7009).'),
  OAuthError: protocol.oauthErrorSchema.describe('How the OAuth routes refuse (RFC 6749, section 5.2).'),
  Hello: protocol.helloSchema.describe('A control server came up.'),
  HelloAnswer: protocol.helloAnswerSchema.describe('The towns are informed.'),
  Pull: protocol.pullSchema.describe('Which token the container holds for an agent.'),
  IssuedToken: protocol.issuedTokenSchema.describe('A token of an agent, for its container.'),
});

const pages = named({
  TownPage: protocol.pageOf(forPeople.TownEntry).describe('A page of towns.'),
  MemberPage: protocol.pageOf(forPeople.Member).describe('A page of members.'),
  AgentPage: protocol.pageOf(forPeople.Agent).describe('A page of agents.'),
  MessagePage: protocol.pageOf(forPeople.Message).describe('A page of messages.'),
  PermissionPage: protocol.pageOf(forPeople.Permission).describe('A page of permissions.'),
  DelegationPage: protocol.pageOf(forPeople.Delegation).describe('A page of delegations.'),
  ApiKeyPage: protocol.pageOf(forPeople.ApiKey).describe('A page of API keys.'),
  EventPage: protocol.eventPageSchema
    .extend({ items: z.array(forPeople.Event) })
    .describe('A page of events, oldest first. What lies between `after` and `oldest` is no longer kept.'),
  WebhookList: z.object({ items: z.array(forPeople.Webhook) }).describe('Every webhook of a town; ten at most.'),
  ContainerList: z.object({ items: z.array(forPeople.Container) }).describe('Every container of a town.'),
  PresetList: z.object({ items: z.array(forPeople.Preset) }).describe('Every preset.'),
  StreamFrame: protocol
    .streamFrameOf(forPeople.Event)
    .describe(
      'What one step of a town has for a reader of its stream: CloudEvents, in order. A pong is the one other frame.',
    ),
});

/** By their names in `/openapi.json`. */
export const API = { ...forPeople, ...forAgents, ...pages };
