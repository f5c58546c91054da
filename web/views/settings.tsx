import { useSignal } from '@preact/signals';
import { hrefOf } from '../app/route.ts';
import { useTown } from '../app/town-context.ts';
import { ConfirmByName } from '../parts/dialog.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Moment } from '../parts/time.tsx';

/** What a town is, and its end. */
export function SettingsView() {
  const { may } = useTown();
  return (
    <section aria-labelledby="settings">
      <h2 id="settings">Settings</h2>
      <Facts />
      {may('admin') && <TheEnd />}
    </section>
  );
}

function Facts() {
  const { live, entry } = useTown();
  return (
    <Loaded of={live.town} what="the town">
      {(town) => (
        <dl class="facts">
          <dt>Id</dt>
          <dd>
            <code>{town.id}</code>
          </dd>
          <dt>Made</dt>
          <dd>
            <Moment at={town.created_at} />
          </dd>
          <dt>Agents</dt>
          <dd>{town.agents}</dd>
          <dt>Your role</dt>
          <dd>{entry.role}</dd>
          <dt>Tokens may be exchanged for</dt>
          <dd>
            {town.token_audiences.length === 0 ? (
              <span class="quiet">nothing: no third party is allowed</span>
            ) : (
              town.token_audiences.map((audience) => <code key={audience}>{audience}</code>)
            )}
          </dd>
        </dl>
      )}
    </Loaded>
  );
}

function TheEnd() {
  const { live, entry } = useTown();
  const isEnding = useSignal(false);
  return (
    <div class="grave-zone">
      <h3>The end of the town</h3>
      <p>All its agents are torn down, and everything that it holds is deleted for good.</p>
      <button type="button" class="grave" onClick={() => (isEnding.value = true)}>
        Delete the town…
      </button>
      {isEnding.value && (
        <ConfirmByName
          title={`Delete ${entry.name}`}
          verb="Delete"
          name={entry.name}
          onClose={() => (isEnding.value = false)}
          act={async () => {
            const { status } = await live.client.deleteTown(live.id);
            location.hash = hrefOf({ name: 'fleet' });
            return status === 'deleted'
              ? `${entry.name} is deleted.`
              : `${entry.name} is being deleted: a container has yet to confirm the end of its agents.`;
          }}
        >
          <p>It cannot be brought back.</p>
        </ConfirmByName>
      )}
    </div>
  );
}
