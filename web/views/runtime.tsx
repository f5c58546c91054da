import type { Agent } from '../../client/index.ts';

/** What runs an agent, and what it may do. */
export function RuntimeView({ agent }: { readonly agent: Agent }) {
  const { runtime } = agent;
  return (
    <>
      <dl class="facts">
        <dt>Id</dt>
        <dd>
          <code>{agent.id}</code>
        </dd>
        <dt>Role</dt>
        <dd>{agent.role}</dd>
        <dt>May</dt>
        <dd>{agent.scopes.join(', ')}</dd>
        <dt>Container</dt>
        <dd>
          <code>{agent.container}</code>
        </dd>
        <dt>Incarnation</dt>
        <dd>
          {agent.incarnation}
          {agent.process_id !== null && `, process ${agent.process_id}`}
        </dd>
        <dt>Command</dt>
        <dd>
          {runtime === null ? (
            'the built-in agent'
          ) : (
            <code>{[runtime.command, ...(runtime.args ?? [])].join(' ')}</code>
          )}
        </dd>
        {runtime !== null && (
          <>
            <dt>Asks before it acts</dt>
            <dd>{runtime.permissions ?? 'ask'}</dd>
            <dt>Secrets</dt>
            <dd>{(runtime.secrets ?? []).join(', ') || 'none'}</dd>
            <dt>Token</dt>
            <dd>{runtime.credentials === 'file' ? 'in a file that is kept current' : 'none of its own'}</dd>
          </>
        )}
      </dl>
      <details>
        <summary>All that the server says of it</summary>
        <pre tabIndex={0}>{JSON.stringify(agent, null, 2)}</pre>
      </details>
    </>
  );
}
