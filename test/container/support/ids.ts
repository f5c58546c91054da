import { makeId, type AgentId, type ContainerName, type MessageId, type SessionId } from '#protocol';

/** Ids that are the same for the same number, up to a million of each kind. */
const bytes = (seed: number): Uint8Array =>
  Uint8Array.from({ length: 20 }, (_, at) => (at < 4 ? seed >> (5 * at) : at));

export const agentId = (seed: number): AgentId => makeId('agt', bytes(seed));
export const messageId = (seed: number): MessageId => makeId('msg', bytes(seed));
export const sessionId = (seed: number): SessionId => makeId('ses', bytes(seed));
export const containerName = (seed: number, index = 0): ContainerName => `${makeId('town', bytes(seed))}:${index}`;

/** A session's secret: 43 characters of base64url. */
export const secretOf = (seed: number): string => `secret-${seed}-`.padEnd(43, 'x');
