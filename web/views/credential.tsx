import type { Agent } from '../../client/index.ts';
import { CredentialLine } from '../parts/credential-line.tsx';
import { Moment } from '../parts/time.tsx';

/** The credential of an agent: where its generations are, and what came of the last one. */
export function CredentialView({ agent: { credential } }: { readonly agent: Agent }) {
  const { issued_at: issued, expires_at: expires, next_due_at: due, reason, last_outcome: outcome } = credential;
  return (
    <section aria-label="Credential">
      <CredentialLine credential={credential} />
      <dl class="facts">
        <dt>Issued</dt>
        <dd>
          <Moment at={issued} /> {reason !== null && <span class="quiet">by {reason}</span>}
        </dd>
        <dt>Expires</dt>
        <dd>
          <Moment at={expires} or="no token is out" />
        </dd>
        <dt>Next</dt>
        <dd>
          <Moment at={due} or="nothing is due" />
        </dd>
        <dt>Last push</dt>
        <dd>{outcome ?? 'none'}</dd>
      </dl>
    </section>
  );
}
