/** The built-in agent as the Agent Client Protocol knows it. Its brain is brain.ts; here are its sessions, turns and questions. */
import * as acp from '@agentclientprotocol/sdk';
import { parseJson } from '#lib/json.ts';
import { z } from 'zod';
import type { ToolAnswer } from '../../clients/town-tools.ts';
import { answer } from './brain.ts';
import { mcpTown, toolResponseSchema, type CallTool } from './mcp-town.ts';
import type { SessionMemory } from './sessions.ts';

/** What the agent gets from outside, and what it may use. */
export interface AgentWorld {
  readonly name: string;
  readonly incarnation: number;
  readonly memory: SessionMemory;
  readonly newId: () => string;
  /** Ends early with the signal. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Posts JSON and resolves with the answer's text; null where there is none. */
  readonly post: (url: string, headers: Record<string, string>, body: string) => Promise<string | null>;
}

/** What the control server says of a message; without it, it is a person's. */
const metaSchema = z.object({
  reeve: z.object({
    kind: z.enum(['user', 'system']),
    content: z.string(),
    generation: z.number().nullable(),
    earlier: z.array(z.object({ content: z.string() })),
  }),
});

const OPTIONS = [
  { optionId: 'yes', name: 'Yes', kind: 'allow_once' },
  { optionId: 'no', name: 'No', kind: 'reject_once' },
] satisfies acp.PermissionOption[];

type Servers = acp.NewSessionRequest['mcpServers'];

export function builtInAgent(world: AgentWorld): acp.AgentApp {
  const turns = new Map<string, AbortController>();
  const tools = new Map<string, CallTool>();
  const { memory } = world;
  const open = (id: string, servers: Servers): void => void tools.set(id, toolCaller(world, servers));
  return acp
    .agent({ name: 'reeve-built-in' })
    .onRequest(acp.methods.agent.initialize, () => ({
      protocolVersion: acp.PROTOCOL_VERSION,
      agentCapabilities: { loadSession: true, mcpCapabilities: { http: true } },
      agentInfo: { name: 'reeve-built-in', version: '1' },
    }))
    .onRequest(acp.methods.agent.session.new, ({ params }) => {
      const sessionId = world.newId();
      memory.open(sessionId);
      open(sessionId, params.mcpServers);
      return { sessionId };
    })
    .onRequest(acp.methods.agent.session.load, async ({ params, client }) => {
      if (!memory.load(params.sessionId)) throw acp.RequestError.resourceNotFound(params.sessionId);
      open(params.sessionId, params.mcpServers);
      for (const text of memory.of(params.sessionId) ?? [])
        await sendUpdate(client, params.sessionId, 'user_message_chunk', text);
      return {};
    })
    .onNotification(acp.methods.agent.session.cancel, ({ params }) => turns.get(params.sessionId)?.abort())
    .onRequest(acp.methods.agent.session.prompt, async ({ params, client }) => {
      const turn = new AbortController();
      turns.set(params.sessionId, turn);
      try {
        await work(world, tools.get(params.sessionId) ?? noTools, params, client, turn.signal);
        return { stopReason: turn.signal.aborted ? ('cancelled' as const) : ('end_turn' as const) };
      } catch (thrown) {
        if (turn.signal.aborted) return { stopReason: 'cancelled' as const };
        throw new acp.RequestError(-32_603, thrown instanceof Error ? thrown.message : 'The turn failed');
      } finally {
        turns.delete(params.sessionId);
      }
    });
}

async function work(
  world: AgentWorld,
  call: CallTool,
  { sessionId, prompt, _meta }: acp.PromptRequest,
  client: acp.AgentContext,
  signal: AbortSignal,
): Promise<void> {
  const given = prompt.map((block) => (block.type === 'text' ? block.text : '')).join('');
  const meta = metaSchema.safeParse(_meta);
  const { kind, content, generation, earlier } = meta.success
    ? meta.data.reeve
    : { kind: 'user' as const, content: given, generation: null, earlier: [] };
  for (const turn of earlier) world.memory.add(sessionId, turn.content);
  const memory = world.memory.of(sessionId) ?? [];
  world.memory.add(sessionId, content);
  const pieces: Promise<void>[] = [];
  let said = '';
  const show = (chunk: Chunk, text: string): void => void pieces.push(sendUpdate(client, sessionId, chunk, text));
  const say = (text: string): void => {
    said += text;
    show('agent_message_chunk', text);
  };
  const reply = await answer({
    town: mcpTown(call),
    kind,
    content,
    memory,
    say,
    progress: (text) => show('agent_thought_chunk', text),
    report: async (status) => void (await call('report_status', { status })),
    ask: (title) => ask(client, sessionId, title),
    whoami: () => ({ agent: world.name, incarnation: world.incarnation, generation }),
    pause: (ms) => world.pause(ms, signal),
    checkGoesOn: () => signal.throwIfAborted(),
  });
  // A reply is what its pieces say. What was said on the way belongs to it too.
  if (!said.endsWith(reply)) say(said === '' ? reply : `\n${reply}`);
  await Promise.all(pieces);
}

type Chunk = 'agent_message_chunk' | 'agent_thought_chunk' | 'user_message_chunk';

function sendUpdate(client: acp.AgentContext, sessionId: string, sessionUpdate: Chunk, text: string): Promise<void> {
  const update = { sessionUpdate, content: { type: 'text' as const, text } };
  return client.notify(acp.methods.client.session.update, { sessionId, update });
}

async function ask(client: acp.AgentContext, sessionId: string, title: string): Promise<boolean> {
  const toolCall = { toolCallId: 'ask', title, kind: 'other' as const };
  const request: acp.RequestPermissionRequest = { sessionId, toolCall, options: OPTIONS };
  const { outcome } = await client.request(acp.methods.client.session.requestPermission, request);
  return outcome.outcome === 'selected' && outcome.optionId === 'yes';
}

const noTools: CallTool = () => Promise.resolve({ ok: false, error: 'no_tools' });

/** Calls the first server that it was given; each call is a request of its own. */
function toolCaller({ post }: AgentWorld, servers: Servers): CallTool {
  const server = servers.find((one) => 'type' in one && one.type === 'http');
  if (server === undefined || !('url' in server)) return noTools;
  const headers = {
    ...Object.fromEntries(server.headers.map(({ name, value }) => [name, value])),
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
  };
  return async (name, args): Promise<ToolAnswer<readonly string[]>> => {
    const request = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } };
    const text = await post(server.url, headers, JSON.stringify(request));
    const answered = toolResponseSchema.safeParse(parseJson(text ?? ''));
    if (!answered.success) return { ok: false, error: 'unreachable' };
    const { isError, content } = answered.data.result;
    const texts = content.map(({ text }) => text);
    return isError ? { ok: false, error: /^\w+/.exec(texts[0] ?? '')?.[0] ?? 'failed' } : { ok: true, value: texts };
  };
}
