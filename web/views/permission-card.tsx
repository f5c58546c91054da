import type { Permission } from '../../client/index.ts';
import { useTown } from '../app/town-context.ts';
import { ActButton } from '../parts/act.tsx';
import { Moment } from '../parts/time.tsx';

/** A question of an agent, to be answered in place by people who may. */
export function PermissionCard({ permission }: { readonly permission: Permission }) {
  const { live, may } = useTown();
  const { client, id: town } = live;
  const isOpen = permission.state === 'open';
  const answered = (found: Permission): null => {
    live.permissions.load();
    live.agents.changed(found.agent);
    return null;
  };
  return (
    <div class="permission" role="group" aria-label={permission.title}>
      <p>
        <strong>{permission.title}</strong>{' '}
        {permission.kind !== 'other' && <span class="quiet">{permission.kind}</span>}
      </p>
      {permission.input !== '' && (
        <details>
          <summary>What exactly</summary>
          <pre>{permission.input}</pre>
        </details>
      )}
      {isOpen && may('chat') && (
        <div class="acts">
          {permission.options.map(({ id, name, kind }) => (
            <ActButton
              key={id}
              class={kind.startsWith('allow') ? 'primary' : ''}
              act={async () => answered(await client.answerPermission(town, permission.id, { option: id }))}
            >
              {name}
            </ActButton>
          ))}
        </div>
      )}
      <p class="quiet">
        {isOpen ? (
          <>
            over <Moment at={permission.expires_at} />
            {may('chat') ? '' : '; members and owners can answer'}
          </>
        ) : (
          `${permission.state}${permission.answered_by === null ? '' : `, by ${permission.answered_by}`}`
        )}
      </p>
    </div>
  );
}
