import type { Agent } from '../../client/index.ts';

/** minted / acked / in use, and what is wrong with it. */
export function CredentialLine({ credential }: { readonly credential: Agent['credential'] }) {
  const { minted, acked, in_use: inUse, lagging, last_error: error, revoked_at: revoked } = credential;
  return (
    <p class="quiet">
      <span title="the last generation that was made">minted {minted}</span> ·{' '}
      <span title="the last that its container confirmed">acked {acked}</span> ·{' '}
      <span title="the highest that the agent called with">in use {inUse}</span>
      {lagging !== null && <strong class="warn"> · lagging at {lagging.generation}</strong>}
      {revoked !== null && <strong class="warn"> · revoked</strong>}
      {error !== null && <strong class="warn"> · {error}</strong>}
    </p>
  );
}
