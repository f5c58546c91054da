/** Ids that are the same in every run. */
import {
  makeId,
  type AgentId,
  type BootId,
  type ContainerName,
  type DelegationId,
  type MailId,
  type MessageId,
  type PermissionId,
  type SessionId,
  type TownId,
  type WebhookId,
} from '#protocol';

/** Twenty bytes that spell `seed` in the alphabet of ids. */
const bytes = (seed: number): Uint8Array =>
  Uint8Array.from({ length: 20 }, (_, at) => (at < 10 ? 0 : Math.floor(seed / 32 ** (19 - at)) % 32));

export const townId = (seed: number): TownId => makeId('town', bytes(seed));
export const agentId = (seed: number): AgentId => makeId('agt', bytes(seed));
export const messageId = (seed: number): MessageId => makeId('msg', bytes(seed));
export const mailId = (seed: number): MailId => makeId('mail', bytes(seed));
export const delegationId = (seed: number): DelegationId => makeId('dlg', bytes(seed));
export const permissionId = (seed: number): PermissionId => makeId('prm', bytes(seed));
export const webhookId = (seed: number): WebhookId => makeId('hook', bytes(seed));
export const sessionId = (seed: number): SessionId => makeId('ses', bytes(seed));
export const bootId = (seed: number): BootId => makeId('boot', bytes(seed));
export const containerName = (seed: number, index = 0): ContainerName => `${townId(seed)}:${index}`;

/** A session's secret: 43 characters of base64url. */
export const secretOf = (seed: number): string => `secret-${seed}-`.padEnd(43, 'x');
