/**
 * Identifiers. Each is a prefix and 20 characters of lower-case base 32 (100 random bits), so an id tells its kind, is safe in
 * a URL path, in a SPIFFE path and in a file name, and is never reused.
 */
import { z } from 'zod';

/** A town. The prefix of each of these types keeps ids of different kinds apart at compile time. */
export type TownId = `town_${string}`;
/** An agent; a new one of the same name gets another id. */
export type AgentId = `agt_${string}`;
/** A message to an agent; what a sender is answered with, and asks for. */
export type MessageId = `msg_${string}`;
/** A mail from one agent to another. */
export type MailId = `mail_${string}`;
/** A task that one agent gave to another. */
export type DelegationId = `dlg_${string}`;
/** What an agent asked a person before it did something. */
export type PermissionId = `prm_${string}`;
/** An API key. The text of the key begins with the same 20 characters; the secret behind them is drawn apart. */
export type KeyId = `key_${string}`;
/** An address that a town posts its events to. */
export type WebhookId = `hook_${string}`;
/** A control server taken into use by one container; the `aud` of the push tokens for it. */
export type SessionId = `ses_${string}`;
/** One run of a control server, drawn by it when it comes up; the `aud` of the push token that opens a session. */
export type BootId = `boot_${string}`;
/** `<town>:<index>`: the name of one `AgentContainer` object. */
export type ContainerName = `${TownId}:${number}`;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const LENGTH = 20;

/** A schema for a branded string. */
function branded<T extends string>(pattern: RegExp, rule: string): z.ZodType<T, T> {
  // The cast makes the brand; the pattern is what proves it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return z.string().regex(pattern, rule) as unknown as z.ZodType<T, T>;
}

const idOf = <T extends string>(prefix: string): z.ZodType<T, T> =>
  branded<T>(new RegExp(`^${prefix}_[${ALPHABET}]{${LENGTH}}$`), `expected an id like ${prefix}_…`);

/** Accepts the text of a `TownId`; this one and those below take their own prefix and length only. */
export const townIdSchema = idOf<TownId>('town');
/** Accepts `agt_` and 20 characters of the alphabet: an id, never a name. */
export const agentIdSchema = idOf<AgentId>('agt');
/** Accepts `msg_` and 20 characters of the alphabet. */
export const messageIdSchema = idOf<MessageId>('msg');
/** Accepts `mail_` and 20 characters of the alphabet. */
export const mailIdSchema = idOf<MailId>('mail');
/** Accepts `dlg_` and 20 characters of the alphabet. */
export const delegationIdSchema = idOf<DelegationId>('dlg');
/** Accepts `prm_` and 20 characters of the alphabet. */
export const permissionIdSchema = idOf<PermissionId>('prm');
/** Accepts `key_` and 20 characters of the alphabet. */
export const keyIdSchema = idOf<KeyId>('key');
/** Accepts `hook_` and 20 characters of the alphabet. */
export const webhookIdSchema = idOf<WebhookId>('hook');
/** Accepts `ses_` and 20 characters of the alphabet. */
export const sessionIdSchema = idOf<SessionId>('ses');
/** Accepts `boot_` and 20 characters of the alphabet. */
export const bootIdSchema = idOf<BootId>('boot');

/** The name of an `AgentContainer`, in the one spelling that is accepted. */
export const containerNameSchema = branded<ContainerName>(
  // One name for one container: no leading zeros. As many indexes as a town could fill if each agent had one of its own, many times over.
  new RegExp(`^town_[${ALPHABET}]{${LENGTH}}:(?:0|[1-9][0-9]{0,5})$`),
  'expected <town>:<index>',
);

/**
 * Makes an id from 20 random bytes that the caller draws (`crypto.getRandomValues`): this folder has no runtime globals.
 * Five bits of each byte are used, so every character is equally likely.
 */
export function makeId<P extends string>(prefix: P, random: Uint8Array): `${P}_${string}` {
  if (random.length < LENGTH) throw new RangeError(`makeId: ${LENGTH} random bytes are needed`);
  let text = '';
  for (const byte of random.subarray(0, LENGTH)) text += ALPHABET.charAt(byte & 31);
  return `${prefix}_${text}`;
}

/** The town and the index in a container's name; the name has been through `containerNameSchema`. */
export function splitContainerName(name: ContainerName): { town: TownId; index: number } {
  const at = name.lastIndexOf(':');
  return { town: townIdSchema.parse(name.slice(0, at)), index: Number(name.slice(at + 1)) };
}

/** SPIFFE id of an agent: the `sub` of its tokens. Source: SPIFFE-ID specification, section 2. */
export function spiffeId(trustDomain: string, town: TownId, agent: AgentId): string {
  return `spiffe://${trustDomain}/town/${town}/agent/${agent}`;
}

/** The town and the agent of a SPIFFE id of this trust domain; null for anything else. */
export function readSpiffeId(trustDomain: string, sub: string): { town: TownId; agent: AgentId } | null {
  const [, , , , town, , agent] = sub.split('/');
  const ids = { town: townIdSchema.safeParse(town), agent: agentIdSchema.safeParse(agent) };
  if (!ids.town.success || !ids.agent.success) return null;
  const found = { town: ids.town.data, agent: ids.agent.data };
  return spiffeId(trustDomain, found.town, found.agent) === sub ? found : null;
}
