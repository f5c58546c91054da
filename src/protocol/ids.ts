/**
 * Identifiers. Each is a prefix and 20 characters of lower-case base 32 (100 random bits), so an id tells its kind, is safe in
 * a URL path, in a SPIFFE path and in a file name, and is never reused.
 */
import { z } from 'zod';

/** The ids as types: the prefix keeps ids of different kinds apart at compile time. */
export type TownId = `town_${string}`;
export type AgentId = `agt_${string}`;
export type MessageId = `msg_${string}`;
export type MailId = `mail_${string}`;
export type DelegationId = `dlg_${string}`;
export type PermissionId = `prm_${string}`;
export type KeyId = `key_${string}`;
export type SessionId = `ses_${string}`;
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

/** Schemas of the ids above: each accepts its own prefix and length only. */
export const townIdSchema = idOf<TownId>('town');
export const agentIdSchema = idOf<AgentId>('agt');
export const messageIdSchema = idOf<MessageId>('msg');
export const mailIdSchema = idOf<MailId>('mail');
export const delegationIdSchema = idOf<DelegationId>('dlg');
export const permissionIdSchema = idOf<PermissionId>('prm');
export const keyIdSchema = idOf<KeyId>('key');
export const sessionIdSchema = idOf<SessionId>('ses');
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
