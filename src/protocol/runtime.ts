/** What runs an agent: a command that speaks the Agent Client Protocol over its standard input and output. */
import { z } from 'zod';
import {
  MAX_RUNTIME_ARGS,
  MAX_RUNTIME_ARG_UNITS,
  MAX_RUNTIME_COMMAND_UNITS,
  MAX_RUNTIME_CWD_UNITS,
  MAX_RUNTIME_ENV,
  MAX_RUNTIME_ENV_UNITS,
  MAX_RUNTIME_SECRETS,
  MAX_RUNTIME_SECRET_BYTES,
} from './limits.ts';
import { utf8Bytes, writtenText } from './text.ts';

/** What becomes of an agent's request for permission: it is granted, refused, or a person is asked. */
export const PERMISSION_POLICIES = ['allow', 'deny', 'ask'] as const;
export type PermissionPolicy = (typeof PERMISSION_POLICIES)[number];

/** Why a process did not come as far as taking prompts, or its conversation broke. */
export const START_FAILURES = [
  'command_not_found',
  'not_executable',
  'cwd_not_accessible',
  'spawn_failed',
  'auth_required',
  'handshake_timeout',
  'protocol_error',
  'exited',
  'out_of_memory',
] as const;
export type StartFailure = (typeof START_FAILURES)[number];

/** Set by the control server, or read by the loader before the command's own first line. */
const RESERVED_NAMES: readonly string[] = ['HOME', 'USER', 'LOGNAME', 'LD_PRELOAD', 'NODE_OPTIONS'];

/** An argument or a variable ends for the system where the first NUL is. */
const processText = (maxUnits: number) =>
  writtenText.max(maxUnits).refine((text) => !text.includes('\0'), 'must not contain NUL');

/** What the name of an environment variable may be. */
export const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

const environmentName = z
  .string()
  .regex(ENVIRONMENT_NAME, 'must be the name of an environment variable')
  .refine((name) => !RESERVED_NAMES.includes(name) && !name.startsWith('REEVE_'), 'is a name that Reeve sets itself');

const variables = <V extends z.ZodType<string, string>>(value: V, limit: number) =>
  z
    .record(environmentName, value)
    .refine((record) => Object.keys(record).length <= limit, `must have at most ${limit} names`);

const command = processText(MAX_RUNTIME_COMMAND_UNITS)
  .min(1)
  .refine((text) => !/[\r\n]/.test(text), 'must be one line');
const args = z.array(processText(MAX_RUNTIME_ARG_UNITS)).max(MAX_RUNTIME_ARGS).default([]);
const env = variables(processText(MAX_RUNTIME_ENV_UNITS), MAX_RUNTIME_ENV).default({});
/** Null: the agent's own home directory. */
const cwd = processText(MAX_RUNTIME_CWD_UNITS).startsWith('/', 'must be an absolute path').nullable().default(null);
/** `file`: its token lies in a file that `REEVE_TOKEN_FILE` names. */
const credentials = z.enum(['none', 'file']).default('none');
const permissions = z.enum(PERMISSION_POLICIES).default('ask');

/** As people say it. `secrets` names variables whose values the town resolves at each start; they are stored nowhere. */
export const runtimeSchema = z.strictObject({
  command,
  args,
  env,
  cwd,
  credentials,
  secrets: z.array(environmentName).max(MAX_RUNTIME_SECRETS).default([]),
  permissions,
});
export type Runtime = z.infer<typeof runtimeSchema>;

const secretValue = processText(MAX_RUNTIME_SECRET_BYTES).refine(
  (text) => utf8Bytes(text) <= MAX_RUNTIME_SECRET_BYTES,
  `must have at most ${MAX_RUNTIME_SECRET_BYTES} bytes`,
);

/** As a start request carries it: with the values of the secrets, which win over variables of the same name. */
export const launchSchema = z.strictObject({
  command,
  args,
  env,
  cwd,
  credentials,
  permissions,
  secrets: variables(secretValue, MAX_RUNTIME_SECRETS).default({}),
});
export type Launch = z.infer<typeof launchSchema>;
