/** Agents of a town. */
import type { Command } from 'commander';
import type { Agent, Credential, NewAgent, Preset } from '../../client/index.ts';
import { EXIT, Ended } from '../exit.ts';
import type { Columns } from '../output.ts';
import { all, confirm, openSession, townOf, type Session } from '../session.ts';
import { watch } from '../watch.ts';
import type { World } from '../world.ts';
import { SWEPT } from './towns.ts';

/** What a table shows of an agent. */
export const AGENT: Columns<Agent> = {
  NAME: ({ name }) => name,
  STATE: ({ state }) => state,
  GENERATION: ({ credential }) => credential.in_use,
  EXPIRES: ({ credential }) => credential.expires_at,
  CONTAINER: ({ container }) => container,
  ID: ({ id }) => id,
};
const GENERATION: Columns<Credential['items'][number]> = {
  GENERATION: ({ generation }) => generation,
  REASON: ({ reason }) => reason,
  ISSUED: ({ issued_at: at }) => at,
  ACKED: ({ acked_at: at }) => at,
  USED: ({ first_used_at: at }) => at,
  EXPIRES: ({ expires_at: at }) => at,
  REVOKED: ({ revoked_at: at }) => at,
  OUTCOME: ({ outcome, error }) => (error === null ? outcome : `${outcome}: ${error}`),
};
const REFUSED: Columns<Credential['refusals'][number]> = {
  REFUSED: ({ reason }) => reason,
  GENERATION: ({ generation }) => generation,
  FIRST: ({ at }) => at,
  LAST: ({ last_at: at }) => at,
  CALLS: ({ count }) => count,
};
const PRESET: Columns<Preset> = { NAME: ({ name }) => name, ALLOWED: ({ allowed }) => String(allowed) };

/** What is done to one agent, and leaves it there. */
const ORDERS = {
  get: ['an agent and the health of its credential', 'getAgent'],
  start: ['start an agent; after a revocation too', 'startAgent'],
  stop: ['stop an agent; its messages wait', 'stopAgent'],
  interrupt: ['end the turn that an agent is in', 'interruptAgent'],
} as const;

export function agentCommands(program: Command, world: World): void {
  const agents = program
    .command('agents')
    .description('agents: list, create, get, start, stop, interrupt, refresh, revoke, delete');

  agents
    .command('list <town>')
    .description('the agents of a town')
    .option('-w, --watch', 'go on, and show each change')
    .action(async (given: string, options: { watch?: boolean }, command: Command) => {
      const session = openSession(world, command);
      const { client, output, until } = session;
      const town = await townOf(session, given);
      const read = () => all((cursor) => client.listAgents(town, { cursor, ...until }));
      await watch(session, options.watch, read, (all) => output.list(all, AGENT));
    });

  agents
    .command('create <town> <name>')
    .description('a new agent, which is started at once')
    .option('--preset <name>', 'what runs it; without it the built-in agent (reeve agents presets)')
    .action(async (given: string, name: string, { preset }: { preset?: string }, command: Command) => {
      const session = openSession(world, command);
      const order = { name, ...(preset === undefined ? {} : { runtime: { preset: await presetOf(session, preset) } }) };
      const town = await townOf(session, given);
      session.output.one(await session.client.createAgent(town, order satisfies NewAgent, session.until), AGENT);
    });

  agents
    .command('presets')
    .description('what can run an agent, by name')
    .action(async (_: object, command: Command) => {
      const { client, output, until } = openSession(world, command);
      output.list((await client.listPresets(until)).items, PRESET);
    });

  for (const [verb, [description, method]] of Object.entries(ORDERS)) {
    agents
      .command(`${verb} <town> <agent>`)
      .description(description)
      .action(async (given: string, agent: string, _: object, command: Command) => {
        const session = openSession(world, command);
        const town = await townOf(session, given);
        session.output.one(await session.client[method](town, agent, session.until), AGENT);
      });
  }
  tokenCommands(agents, world);
}

function tokenCommands(agents: Command, world: World): void {
  agents
    .command('credential <town> <agent>')
    .description('its tokens over time, and what its calls were refused for: why it was answered 401')
    .action(async (given: string, agent: string, _: object, command: Command) => {
      const session = openSession(world, command);
      const { client, output, until } = session;
      const credential = await client.getCredential(await townOf(session, given), agent, until);
      if (output.format !== 'table') return output.line(credential);
      output.list(credential.items, GENERATION);
      output.list(credential.refusals, REFUSED);
    });

  agents
    .command('refresh <town> <agent>')
    .description('a fresh token for an agent; 1 where its container did not take it')
    .option('--revoke-older', 'once the new token has arrived, refuse every older one')
    .action(async (given: string, agent: string, { revokeOlder }: { revokeOlder?: boolean }, command: Command) => {
      const session = openSession(world, command);
      const refresh = { revoke_older: revokeOlder === true };
      const report = await session.client.refreshAgent(await townOf(session, given), agent, refresh, session.until);
      session.output.one(report, SWEPT);
      if (report.failed > 0) throw new Ended(EXIT.failed);
    });

  const ENDS = {
    revoke: ['refuse all tokens of an agent until it is started', 'revokeAgent'],
    delete: ['end an agent for good', 'deleteAgent'],
  } as const;
  for (const [verb, [description, method]] of Object.entries(ENDS)) {
    agents
      .command(`${verb} <town> <agent>`)
      .description(description)
      .option('--yes', 'ask nothing')
      .action(async (given: string, agent: string, { yes }: { yes?: boolean }, command: Command) => {
        const session = openSession(world, command);
        const town = await townOf(session, given);
        await confirm(session, `${description} (${agent})`, yes);
        session.output.one(await session.client[method](town, agent, session.until), AGENT);
      });
  }
}

async function presetOf({ client, until }: Session, given: string): Promise<Preset['name']> {
  const { items } = await client.listPresets(until);
  const preset = items.find(({ name }) => name === given);
  if (preset === undefined) throw new Ended(EXIT.usage, `there is no preset ${given}; reeve agents presets lists them`);
  return preset.name;
}
