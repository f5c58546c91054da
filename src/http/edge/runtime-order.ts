/** What a person says of an agent's runtime, made into the runtime that is stored: presets filled in, and refused where a start would fail. */
import { z } from '@hono/zod-openapi';
import { PRESETS, presetNameSchema, runtimeSchema, type Problem, type Runtime } from '#protocol';
import { AGENT_SECRET_PREFIX } from '#lib/variables.ts';
import type { Config } from '../../env.ts';
import { Refusal } from './problem.ts';

const { command, args, env, cwd, credentials, secrets, permissions } = runtimeSchema.shape;

/** A preset, a command, or both: what is said wins over the preset. */
export const runtimeOrderSchema = z
  .strictObject({
    preset: presetNameSchema.optional(),
    command: command.optional(),
    args: args.unwrap().optional(),
    env: env.unwrap().optional(),
    cwd: cwd.unwrap().optional(),
    credentials: credentials.unwrap().optional(),
    secrets: secrets.unwrap().optional(),
    permissions: permissions.unwrap().optional(),
  })
  .meta({ id: 'RuntimeOrder', description: 'What runs an agent: a preset, a command, or a preset with changes.' });
type RuntimeOrder = z.infer<typeof runtimeOrderSchema>;

type Faults = NonNullable<Problem['errors']>;
type Allowed = Pick<Config, 'agentCommands' | 'agentSecrets'>;

/** The runtime to store; null: the built-in agent. Throws a `Refusal` that names each thing which this deployment does not have. */
export function runtimeOf(config: Allowed, order: RuntimeOrder | null): Runtime | null {
  if (order === null) return null;
  const { preset, ...said } = order;
  if (preset === 'built-in') {
    if (Object.keys(said).length > 0)
      throw refused([{ path: 'runtime.preset', message: 'built-in takes no settings' }]);
    return null;
  }
  const base = preset === undefined ? null : PRESETS[preset];
  const name = said.command ?? base?.command ?? null;
  if (name === null) throw refused([{ path: 'runtime.command', message: 'is required without a preset' }]);
  const wanted = [...new Set([...(base?.secrets ?? []), ...(said.secrets ?? [])])];
  const faults = [...commandFaults(config, name), ...secretFaults(config, wanted)];
  if (faults.length > 0) throw refused(faults);
  return runtimeSchema.parse({ args: base?.args, ...said, command: name, secrets: wanted });
}

/** Whether agents of this deployment may run it. */
export const isAllowed = ({ agentCommands }: Allowed, name: string): boolean => agentCommands?.has(name) ?? true;

function commandFaults(config: Allowed, name: string): Faults {
  if (isAllowed(config, name)) return [];
  return [{ path: 'runtime.command', message: 'is not among the AGENT_COMMANDS of this deployment' }];
}

function secretFaults({ agentSecrets }: Allowed, names: readonly string[]): Faults {
  return names
    .filter((name) => !agentSecrets.has(name))
    .map((name) => ({
      path: 'runtime.secrets',
      message: `${name} is not there: set ${AGENT_SECRET_PREFIX}${name} (npx wrangler secret put ${AGENT_SECRET_PREFIX}${name})`,
    }));
}

const refused = (errors: Faults): Refusal => new Refusal('invalid_request', { errors });
