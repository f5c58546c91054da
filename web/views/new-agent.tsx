import { useSignal, type Signal } from '@preact/signals';
import type { NewAgent as Order, Preset } from '../../client/index.ts';
import { hrefOf } from '../app/route.ts';
import { useTown } from '../app/town-context.ts';
import { useResource } from '../lib/use-resource.ts';
import { FormDialog } from '../parts/dialog.tsx';
import { Choice, NameField } from '../parts/field.tsx';
import { Loaded } from '../parts/loaded.tsx';

/** Creates an agent of one of the presets. */
export function NewAgent({ onClose }: { readonly onClose: () => void }) {
  const { live } = useTown();
  const name = useSignal('');
  const preset = useSignal<Preset['name']>('built-in');
  const isMayor = useSignal(false);
  const create = async (): Promise<string> => {
    const order: Order = {
      name: name.peek().trim(),
      role: isMayor.peek() ? 'mayor' : 'worker',
      ...(preset.peek() === 'built-in' ? {} : { runtime: { preset: preset.peek() } }),
    };
    const agent = await live.client.createAgent(live.id, order);
    live.agents.put(agent);
    location.hash = hrefOf({ name: 'agent', town: live.id, agent: agent.name, tab: 'chat' });
    return `${agent.name} is ${agent.state}, with generation ${agent.credential.acked} of its token.`;
  };
  return (
    <FormDialog title="New agent" verb="Create" onClose={onClose} act={create}>
      <NameField value={name} />
      <fieldset>
        <legend>What runs it</legend>
        <Presets chosen={preset} />
      </fieldset>
      <label class="choice">
        <input
          type="checkbox"
          checked={isMayor.value}
          onChange={({ currentTarget }) => {
            isMayor.value = currentTarget.checked;
          }}
        />
        <span>
          Mayor{' '}
          <span class="quiet">
            may be given scopes that a worker cannot have, such as exchanging its token for third parties
          </span>
        </span>
      </label>
    </FormDialog>
  );
}

function Presets({ chosen }: { readonly chosen: Signal<Preset['name']> }) {
  const { live } = useTown();
  const presets = useResource((signal) => live.client.listPresets({ signal }), [live]);
  return (
    <Loaded of={presets} what="the presets">
      {({ items }) =>
        items.map(({ name, needs, allowed }) => (
          <Choice key={name} group="preset" id={name} chosen={chosen} disabled={!allowed}>
            {allowed ? needs : 'not among the commands that are allowed here'}
          </Choice>
        ))
      }
    </Loaded>
  );
}
