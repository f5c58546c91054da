/** Tokens of the deployment under test: by its own keys, its own address and the time of the lab, unless a test changes that. */
import { AGENT_TOKEN_TYP, PUSH_TOKEN_TYP, ROLES } from '../../../src/protocol/index.ts';
import { newKey } from '../../../src/tokens/key-edit.ts';
import type { KeyState, PrivateKey } from '../../../src/tokens/key-set.ts';
import {
  agentTokenClaims,
  pushTokenClaims,
  signAgentToken,
  signPushToken,
  signWithoutKey,
  type Push,
  type Signer,
  type Speaker as FullSpeaker,
  type TokenChanges,
} from '../../support/signing.ts';
import { lab } from './lab.ts';
import { PUBLIC_URL, currentKeys } from './wiring.ts';

/** What a test changes of a token that is right otherwise. */
export interface Changes extends TokenChanges {
  /** Default: the deployment's active key. */
  readonly key?: PrivateKey;
  /** When it is issued, in ms from now. */
  readonly atMs?: number;
}

/** Whom an agent token speaks for; by default with every scope of a worker. */
export type Speaker = Omit<FullSpeaker, 'scope'> & { readonly scope?: string };

export async function deployedKey(state: KeyState): Promise<PrivateKey> {
  const key = (await currentKeys()).keys.find((one) => one.reeve_state === state);
  if (key === undefined) throw new Error(`the deployment has no ${state} key`);
  return key;
}

/** A key of no deployment: its thumbprint is in no set. */
export const strangersKey = (): Promise<PrivateKey> => newKey('active');

export async function agentToken(speaker: Speaker, changes: Changes = {}): Promise<string> {
  return signAgentToken(await signer(changes), withScope(speaker), changes);
}

export async function pushToken(push: Push, changes: Changes = {}): Promise<string> {
  return signPushToken(await signer(changes), push, changes);
}

/** The same claims with the algorithm `none`, and with HS256 under the text of the public key. */
export async function agentTokensWithoutKey(speaker: Speaker): Promise<{ none: string; hs256: string }> {
  const by = await signer({});
  return signWithoutKey(by.key, agentTokenClaims(by, withScope(speaker)), AGENT_TOKEN_TYP);
}

export async function pushTokensWithoutKey(push: Push): Promise<{ none: string; hs256: string }> {
  const by = await signer({});
  return signWithoutKey(by.key, await pushTokenClaims(by, push), PUSH_TOKEN_TYP);
}

async function signer({ key, atMs = 0 }: Changes): Promise<Signer> {
  return { publicUrl: PUBLIC_URL, key: key ?? (await deployedKey('active')), nowMs: lab.clock.now() + atMs };
}

const withScope = (speaker: Speaker): FullSpeaker => ({ scope: ROLES.worker.join(' '), ...speaker });
