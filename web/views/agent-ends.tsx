/** What ends the tokens of an agent, or the agent: asked twice. */
import type { Agent } from '../../client/index.ts';
import { hrefOf } from '../app/route.ts';
import { useTown } from '../app/town-context.ts';
import { ConfirmByName, FormDialog } from '../parts/dialog.tsx';

interface Props {
  readonly agent: Agent;
  readonly onClose: () => void;
}

export function RevokeDialog({ agent, onClose }: Props) {
  const { live } = useTown();
  const revoke = async (): Promise<string> => {
    live.agents.put(await live.client.revokeAgent(live.id, agent.id));
    return `Every token of ${agent.name} is refused from now on; it gets none until it is started again.`;
  };
  return (
    <FormDialog title={`Revoke the tokens of ${agent.name}`} verb="Revoke" isGrave onClose={onClose} act={revoke}>
      <p>Every token that is out is refused at once, and no new one is made until the agent is started again.</p>
    </FormDialog>
  );
}

export function TearDownDialog({ agent, onClose }: Props) {
  const { live } = useTown();
  const tearDown = async (): Promise<string> => {
    const { confirmed, ...retired } = await live.client.deleteAgent(live.id, agent.id);
    live.agents.put(retired);
    location.hash = hrefOf({ name: 'town', town: live.id, tab: 'overview' });
    return confirmed
      ? `${agent.name} is gone: its container confirmed it.`
      : `${agent.name} is retired and its tokens are refused; its container has yet to confirm.`;
  };
  return (
    <ConfirmByName
      title={`Tear down ${agent.name}`}
      verb="Tear down"
      name={agent.name}
      onClose={onClose}
      act={tearDown}
    >
      <p>Its process ends, its tokens are refused at once, and what waits for it fails. It cannot be brought back.</p>
    </ConfirmByName>
  );
}
