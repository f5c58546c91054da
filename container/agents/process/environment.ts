import { userInfo } from 'node:os';
import type { AgentLaunch } from '../agent-process.ts';
import { MARK_NAME } from './process-group.ts';

/** Where agents live, and what they find. */
export interface ProcessSettings {
  /** Absolute. One folder for each agent lies in it. */
  readonly stateDir: string;
  /** Absolute directories, by colon. */
  readonly path: string;
  /** The town's origin, for agents that call it themselves. */
  readonly apiUrl: string;
}

/**
 * What a process finds in its environment, built from nothing: no variable of the control server is among it. What the runtime sets
 * wins over the path and the language, its secrets win over that, and what Reeve sets wins over all.
 */
export function environmentOf(
  launch: AgentLaunch,
  home: string,
  settings: ProcessSettings,
  mark: string,
  token: { readonly path: string } | null,
  user: string = userInfo().username,
) {
  return {
    PATH: settings.path,
    LANG: 'C.UTF-8',
    ...launch.runtime?.env,
    ...launch.runtime?.secrets,
    HOME: home,
    USER: user,
    LOGNAME: user,
    REEVE_AGENT: launch.agent,
    REEVE_NAME: launch.name,
    REEVE_INCARNATION: String(launch.inc),
    [MARK_NAME]: mark,
    ...(token === null ? {} : { REEVE_TOKEN_FILE: token.path, REEVE_API_URL: settings.apiUrl }),
  };
}
