/** The credential of an agent over time, so that "why did it answer 401 at 03:12?" is answered by looking. */
import { useEffect } from 'preact/hooks';
import type { Agent, Credential } from '../../client/index.ts';
import { useConsole } from '../app/console.ts';
import { useTown } from '../app/town-context.ts';
import { useResource } from '../lib/use-resource.ts';
import { CredentialLine } from '../parts/credential-line.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Moment, TimeOfDay } from '../parts/time.tsx';
import { Generations } from './generations.tsx';
import { refusalWords } from './refusal-words.ts';

export function CredentialView({ agent }: { readonly agent: Agent }) {
  const { live } = useTown();
  const history = useResource((signal) => live.client.getCredential(live.id, agent.id, { signal }), [live, agent.id]);
  const { minted, acked, in_use: inUse, last_outcome: outcome, revoked_at: revoked } = agent.credential;
  // What the agent's own view says has moved has moved here too.
  useEffect(() => history.load(), [history, minted, acked, inUse, outcome, revoked]);
  return (
    <>
      <Standing credential={agent.credential} />
      <Loaded of={history} what="what was issued">
        {(credential) => (
          <>
            <Generations credential={credential} />
            <Refusals refusals={credential.refusals} />
            <Table items={credential.items} />
          </>
        )}
      </Loaded>
    </>
  );
}

function Standing({ credential }: { readonly credential: Agent['credential'] }) {
  const { nowMs } = useConsole();
  const { issued_at: issued, expires_at: expires, next_due_at: due, reason, last_outcome: outcome } = credential;
  return (
    <section aria-label="How it stands">
      <CredentialLine credential={credential} />
      <p>
        The last one that its container confirmed was issued <Moment at={issued} />
        {reason !== null && ` by ${reason}`}, expires <Moment at={expires} or="not at all" />; the next is due{' '}
        {due !== null && Date.parse(due) <= nowMs.value ? (
          'at this moment'
        ) : (
          <Moment at={due} or="with the next message" />
        )}
        . The last push came to <strong>{outcome ?? 'nothing yet'}</strong>.
      </p>
    </section>
  );
}

function Refusals({ refusals }: { readonly refusals: Credential['refusals'] }) {
  return (
    <section aria-labelledby="refusals">
      <h2 id="refusals">Refused</h2>
      {refusals.length === 0 ? (
        <p class="quiet">No call of this agent was refused, as far back as is kept.</p>
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Generation</th>
                <th scope="col">Why</th>
                <th scope="col">How often</th>
              </tr>
            </thead>
            <tbody>
              {refusals.map(({ at, last_at: last, count, reason, generation }) => (
                <tr key={`${reason} ${generation} ${at}`}>
                  <td>
                    <TimeOfDay at={at} />
                    {last !== at && (
                      <>
                        {' '}
                        to <TimeOfDay at={last} />
                      </>
                    )}
                  </td>
                  <td>{generation}</td>
                  <td>{refusalWords(reason)}</td>
                  <td>{count}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Table({ items }: { readonly items: Credential['items'] }) {
  return (
    <details>
      <summary>All of it as a table</summary>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              {['Generation', 'Start', 'By', 'Issued', 'Confirmed', 'First used', 'Over', 'Push'].map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {items.map((one) => (
              <tr key={one.generation}>
                <th scope="row">{one.generation}</th>
                <td>{one.incarnation}</td>
                <td>{one.reason}</td>
                <td>
                  <TimeOfDay at={one.issued_at} />
                </td>
                {[one.acked_at, one.first_used_at, one.revoked_at ?? one.expires_at].map((at, nth) => (
                  <td key={nth}>{at === null ? <span class="quiet">no</span> : <TimeOfDay at={at} />}</td>
                ))}
                <td>
                  {one.outcome ?? <span class="quiet">not known</span>} {one.error !== null && one.error}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
