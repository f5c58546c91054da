/** Agents that many people run, by name: what starts them over ACP, and what each needs. */
import { z } from 'zod';

/** Names of the presets; a name keeps its meaning, because runtimes that are stored refer to it. */
export const PRESET_NAMES = ['built-in', 'claude', 'codex', 'gemini', 'opencode'] as const;
/** Accepts the name of a preset, and no command. */
export const presetNameSchema = z.enum(PRESET_NAMES);
export type PresetName = z.infer<typeof presetNameSchema>;

/** One preset as `GET /v1/presets` lists it. `command` is null for the agent that a control server brings itself. */
export const presetSchema = z.object({
  name: presetNameSchema,
  command: z.string().nullable(),
  args: z.array(z.string()),
  /** Secrets that a start fails without; what people name in `secrets` is added. */
  secrets: z.array(z.string()),
  /** Where the command comes from, and what else it needs. */
  needs: z.string(),
  /** Whether this deployment lets agents run it. */
  allowed: z.boolean(),
});
export type Preset = z.infer<typeof presetSchema>;

/** What each preset starts. Commands are looked up in the PATH of the control server. */
export const PRESETS: Readonly<Record<PresetName, Omit<Preset, 'name' | 'allowed'>>> = {
  'built-in': {
    command: null,
    args: [],
    secrets: [],
    needs: 'Nothing: it answers without a model and without a network.',
  },
  claude: {
    command: 'claude-agent-acp',
    args: [],
    secrets: ['ANTHROPIC_API_KEY'],
    needs: 'npm package @agentclientprotocol/claude-agent-acp, installed where the control server runs.',
  },
  codex: {
    command: 'codex-acp',
    args: [],
    secrets: ['OPENAI_API_KEY'],
    needs: 'npm package @agentclientprotocol/codex-acp, installed where the control server runs.',
  },
  gemini: {
    command: 'gemini',
    args: ['--acp'],
    secrets: ['GEMINI_API_KEY'],
    needs: 'npm package @google/gemini-cli, installed where the control server runs.',
  },
  opencode: {
    command: 'opencode',
    args: ['acp'],
    secrets: [],
    needs: 'npm package opencode-ai, installed where the control server runs, and the key of its model as a secret.',
  },
};
