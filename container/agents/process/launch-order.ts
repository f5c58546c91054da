import { base64url } from '#lib/secret.ts';
import type { ClientRegistry } from '../../clients/registry.ts';
import { CredentialFileError, openCredentialFile, type CredentialFile } from '../../credentials/credential-file.ts';
import type { RandomBytes } from '../../lib/platform.ts';
import { programFile } from '../../lib/program-file.ts';
import { StartError, type AgentLaunch } from '../agent-process.ts';
import type { AgentUser, AgentUsers } from '../users/agent-users.ts';
import type { ChildOrder } from './child.ts';
import { environmentOf, type ProcessSettings } from './environment.ts';
import { checkDirectory, findCommand } from './find-command.ts';
import { makePlace, placeOf } from './place.ts';

interface OrderParts {
  readonly platform: { readonly randomBytes: RandomBytes };
  readonly settings: ProcessSettings & { readonly users: AgentUsers | null };
  readonly registry: Pick<ClientRegistry, 'register'>;
}

const MARK_BYTES = 20;
/** The built-in agent. */
export const BUILT_IN = programFile('agents/built-in/main');

export const secretsOf = ({ runtime }: AgentLaunch): string[] => Object.values(runtime?.secrets ?? {});

/** What is to be started, after all that can be wrong with it was looked at. Rejects with `StartError`. */
export async function orderOf(parts: OrderParts, launch: AgentLaunch): Promise<ChildOrder> {
  const { settings, platform } = parts;
  const place = placeOf(settings.stateDir, launch.agent);
  const { home } = place;
  const user = (await settings.users?.of(launch.agent, home)) ?? null;
  makePlace(place, user);
  const { command, args, cwd } = commandOf(launch, home);
  checkDirectory(cwd, user);
  const mark = base64url(Uint8Array.from(platform.randomBytes(MARK_BYTES)));
  const token = tokenFileOf(parts, launch, place.folder, user);
  const env = environmentOf(launch, home, settings, mark, token, user?.name);
  return { file: findCommand(command, env.PATH, cwd, user), args, argv0: command, cwd, env, mark, user };
}

/** Its token in a file, where it asks for one; the file goes with its incarnation. */
function tokenFileOf(
  { registry }: OrderParts,
  { agent, inc, runtime }: AgentLaunch,
  directory: string,
  owner: AgentUser | null,
): CredentialFile | null {
  if (runtime?.credentials !== 'file') return null;
  try {
    return openCredentialFile({ registry, agent, inc, directory, owner });
  } catch (thrown) {
    if (thrown instanceof CredentialFileError) throw new StartError('spawn_failed', thrown.message);
    throw thrown;
  }
}

function commandOf({ runtime }: AgentLaunch, home: string) {
  if (runtime === null) return { command: process.execPath, args: [BUILT_IN], cwd: home };
  return { command: runtime.command, args: runtime.args, cwd: runtime.cwd ?? home };
}
