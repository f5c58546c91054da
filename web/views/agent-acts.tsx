/** What an owner can do to an agent. Each act says what really happened, by the answer of the server. */
import { useSignal } from '@preact/signals';
import type { Agent } from '../../client/index.ts';
import { useTown } from '../app/town-context.ts';
import { ActButton } from '../parts/act.tsx';
import { RevokeDialog, TearDownDialog } from './agent-ends.tsx';
import { sentenceOf } from './sweep-sentence.ts';

interface Props {
  readonly agent: Agent;
  /** Without what ends it. */
  readonly isBrief?: boolean;
}

/** Nothing for people who may only look. */
export function AgentActs({ agent, isBrief = false }: Props) {
  const { live, may } = useTown();
  const asked = useSignal<'revoke' | 'teardown' | null>(null);
  if (!may('admin') || agent.state === 'retired') return null;
  const { client, id: town } = live;
  const isOff = agent.state === 'stopped' || agent.state === 'failed' || agent.credential.revoked_at !== null;
  const set = async (change: Promise<Agent>): Promise<string> => {
    const changed = await change;
    live.agents.put(changed);
    return `${changed.name} is ${changed.state}.`;
  };
  const close = (): void => {
    asked.value = null;
  };
  return (
    <div class="acts">
      <ActButton
        title="Makes a fresh token and pushes it at once"
        act={async () => `${agent.name}: ${sentenceOf(await client.refreshAgent(town, agent.id))}`}
      >
        Refresh
      </ActButton>
      {isOff ? (
        <ActButton act={() => set(client.startAgent(town, agent.id))}>Start</ActButton>
      ) : (
        <ActButton act={() => set(client.stopAgent(town, agent.id))}>Stop</ActButton>
      )}
      {!isBrief && (
        <>
          <button type="button" onClick={() => (asked.value = 'revoke')}>
            Revoke…
          </button>
          <button type="button" onClick={() => (asked.value = 'teardown')}>
            Tear down…
          </button>
        </>
      )}
      {asked.value === 'revoke' && <RevokeDialog agent={agent} onClose={close} />}
      {asked.value === 'teardown' && <TearDownDialog agent={agent} onClose={close} />}
    </div>
  );
}
