/** What the examples of `/openapi.json` tell of: Ada works in the town `harbour`. */
import type { z } from '@hono/zod-openapi';
import { PRESETS, fence } from '#protocol';
import type { API } from '../edge/api.ts';

/** An example of each named schema. */
export type Examples = { readonly [K in keyof typeof API]: z.input<(typeof API)[K]> };

/** The town. */
export const town = 'town_0a1b2c3d4e5f6g7h8j9k';
/** The agent. */
export const ada = 'agt_1a1b2c3d4e5f6g7h8j9k';
/** Another agent of the town. */
export const bob = 'agt_2a1b2c3d4e5f6g7h8j9k';
/** Its message. */
export const messageId = 'msg_3a1b2c3d4e5f6g7h8j9k';

const permissionId = 'prm_4a1b2c3d4e5f6g7h8j9k';

const delegationId = 'dlg_5a1b2c3d4e5f6g7h8j9k';
/** What it writes. */
export const mail = 'mail_6a1b2c3d4e5f6g7h8j9k';

const webhookId = 'hook_9a1b2c3d4e5f6g7h8j9k';

const keyId = 'key_7a1b2c3d4e5f6g7h8j9k';
/** The session of its container. */
export const session = 'ses_8a1b2c3d4e5f6g7h8j9k';

/** When it all happens. */
export const at = '2027-01-01T09:00:00.000Z';
/** When it is over. */
export const later = '2027-01-01T09:00:04.000Z';
/** When its token expires. */
export const expires = '2027-01-01T12:00:00.000Z';

/** The town in a list. */
export const entry = { id: town, name: 'harbour', role: 'owner', created_at: at } as const;

/** A person who may talk with its agents. */
export const member = {
  subject: 'oidc:google-oauth2|1084',
  role: 'member',
  since: at,
  added_by: 'operator',
} as const;

/** Ada, as people see her. */
export const agent = {
  id: ada,
  name: 'ada',
  role: 'worker',
  scopes: ['heartbeat', 'events', 'mail', 'peers', 'delegate'],
  state: 'idle',
  incarnation: 1,
  container: `${town}:0`,
  process_id: 4711,
  created_at: at,
  last_heard_at: later,
  runtime: null,
  failure: null,
  credential: {
    minted: 2,
    acked: 2,
    in_use: 2,
    lagging: null,
    issued_at: at,
    expires_at: expires,
    reason: 'delivery',
    last_outcome: 'applied',
    last_error: null,
    next_due_at: null,
    revoked_at: null,
  },
} satisfies Examples['Agent'];

/** Her token, and a call with the one before. */
export const credential = {
  items: [
    {
      generation: 2,
      incarnation: 1,
      reason: 'delivery',
      issued_at: at,
      acked_at: at,
      first_used_at: later,
      expires_at: expires,
      outcome: 'applied',
      error: null,
      revoked_at: null,
    },
  ],
  refusals: [{ at: later, last_at: later, count: 1, reason: 'generation_cut', generation: 1 }],
} satisfies Examples['Credential'];

/** Where she lives. */
export const container = {
  container: agent.container,
  state: 'idle',
  since: null,
  session_since: at,
  last_heard_at: later,
  held: null,
  refused_since: null,
  next_probe_at: null,
  agents: [ada],
} satisfies Examples['Container'];

/** A message that is answered. */
export const message = {
  id: messageId,
  agent: ada,
  seq: 1,
  state: 'done',
  content: 'Which ships came in today?',
  sender: 'person:dev',
  kind: 'user',
  idempotency_key: null,
  attempts: 1,
  created_at: at,
  delivered_at: at,
  finished_at: later,
  reply: 'Three: the Ida, the Vega and the Solveig.',
  truncated: false,
  error: null,
} satisfies Examples['Message'];

/** A question that waits. */
export const permission = {
  id: permissionId,
  agent: ada,
  message: messageId,
  attempt: 1,
  title: 'Write berths.csv',
  kind: 'edit',
  input: '{"path":"berths.csv"}',
  options: [
    { id: 'yes', name: 'Allow', kind: 'allow_once' },
    { id: 'no', name: 'Reject', kind: 'reject_once' },
  ],
  state: 'open',
  requested_at: at,
  expires_at: expires,
  option: null,
  answered_by: null,
  resolved_by: null,
  resolved_at: null,
} satisfies Examples['Permission'];

/** A key of a person. */
export const key = {
  id: keyId,
  name: 'dashboard',
  scope: 'chat',
  prefix: 'reeve_7a1b2c3d4e5f6g7h8j9k',
  created_at: at,
  expires_at: '2027-04-01T09:00:00.000Z',
  revoked_at: null,
} satisfies Examples['ApiKey'];

/** The end of the turn. */
export const event = {
  specversion: '1.0',
  id: '41',
  source: `/v1/towns/${town}`,
  type: 'reeve.turn.finished',
  subject: ada,
  time: later,
  datacontenttype: 'application/json',
  seq: 41,
  data: { message: messageId, attempt: 1, state: 'done', reply: message.reply, truncated: false, error: null },
} satisfies Examples['Event'];

/** A task for Bob. */
export const delegation = {
  id: delegationId,
  from: ada,
  to: bob,
  parent: null,
  depth: 1,
  state: 'open',
  error: null,
  created_at: at,
  deadline_at: expires,
  finished_at: null,
  announced_at: null,
} satisfies Examples['Delegation'];

/** A refresh. */
export const sweep = {
  due: 1,
  ok: 1,
  failed: 0,
  skipped: 0,
  results: [{ agent: ada, outcome: 'applied', generation: 2 }],
} satisfies Examples['SweepReport'];

/** The text of another agent, as an agent gets it. */
export const fenced = fence('berth 4 is free', () => '7k2m9x0c4e8r5t1v3b6n');

/** What runs an agent. */
export const preset = { name: 'opencode', ...PRESETS.opencode, allowed: true } satisfies Examples['Preset'];

/** Where its town posts the ends of turns. */
export const webhook: z.input<(typeof API)['Webhook']> = {
  id: webhookId,
  url: 'https://hooks.example.com/reeve',
  description: 'the office board',
  events: ['reeve.turn.finished'],
  enabled: true,
  created_at: at,
  previous_secret_until: null,
  posted_seq: 41,
  last_posted_at: later,
  failing_since: null,
  last_error: null,
  next_try_at: null,
  disabled: null,
};
