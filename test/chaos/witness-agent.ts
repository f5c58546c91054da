/**
 * The built-in agent with a witness on its wire: it writes down each turn that it begins and ends, and calls its town by itself, with
 * the token of its file, and writes down what it came to. Each line is in the file before anything else goes on.
 */
import { ndJsonStream, type AnyMessage } from '@agentclientprotocol/sdk';
import { decodeJwt } from 'jose';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { openTown } from '../../agent/index.ts';
import { builtInAgent } from '../../container/agents/built-in/acp-agent.ts';
import { SessionMemory } from '../../container/agents/built-in/sessions.ts';
import type { AgentLine } from './history.ts';

/** Between two calls of its own (ms). */
const CALL_EVERY_MS = 1000;
const CALL_TIMEOUT_MS = 10_000;

const [folder = ''] = process.argv.slice(2);
const { HOME = '.', REEVE_AGENT: agent = '', REEVE_NAME: name = '', REEVE_INCARNATION = '0' } = process.env;
const who = { pid: process.pid, agent, inc: Number(REEVE_INCARNATION) };
/** The turn that is under way, by the id of its request. */
const turns = new Map<unknown, string>();

const write = (line: AgentLine): void => appendFileSync(join(folder, `${agent}.jsonl`), `${JSON.stringify(line)}\n`);

const claimsSchema = z.object({ agent: z.string(), inc: z.number(), gen: z.number(), iat: z.number() });
const claimsOf = (token: string) => claimsSchema.parse(decodeJwt(token));

const promptSchema = z.object({
  id: z.union([z.string(), z.number()]),
  method: z.literal('session/prompt'),
  params: z.object({
    _meta: z.object({
      reeve: z.object({ message: z.string(), content: z.string(), generation: z.number().nullable() }),
    }),
  }),
});
const answerSchema = z.object({
  id: z.union([z.string(), z.number()]),
  result: z.object({ stopReason: z.string() }).optional(),
});

const town = openTown({
  fetch: async (url, init) => {
    const token = new Headers(init.headers).get('authorization')?.slice('Bearer '.length) ?? '';
    const { agent: as, gen, iat } = claimsOf(token);
    const answer = await fetch(url, init);
    write({ kind: 'called', at: Date.now(), ...who, as, gen, issuedAt: iat * 1000, status: answer.status });
    return answer;
  },
});

function heldToken() {
  try {
    const { inc, gen } = claimsOf(town.token());
    return { inc, gen };
  } catch {
    return null; // There is none, which is what the line says.
  }
}

function witnessPrompt(message: AnyMessage): void {
  const prompt = promptSchema.safeParse(message);
  if (!prompt.success) return;
  const { _meta } = prompt.data.params;
  const { message: id, content, generation } = _meta.reeve;
  turns.set(prompt.data.id, id);
  write({ kind: 'began', at: Date.now(), ...who, message: id, content, held: heldToken(), told: generation });
}

function witnessAnswer(message: AnyMessage): void {
  const answer = answerSchema.safeParse(message);
  const id = answer.success ? turns.get(answer.data.id) : undefined;
  if (!answer.success || id === undefined) return;
  turns.delete(answer.data.id);
  write({ kind: 'ended', at: Date.now(), ...who, message: id, how: answer.data.result?.stopReason ?? 'error' });
}

const witnessed = (see: (message: AnyMessage) => void) =>
  new TransformStream<AnyMessage, AnyMessage>({
    transform: (message, onward) => {
      see(message);
      onward.enqueue(message);
    },
  });

const wire = ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin));
const answers = witnessed(witnessAnswer);
const written = answers.readable.pipeTo(wire.writable);
const builtIn = builtInAgent({
  name,
  incarnation: who.inc,
  memory: new SessionMemory(HOME),
  newId: () => crypto.randomUUID(),
  pause: (ms, signal) => setTimeout(ms, undefined, { signal }).catch(() => undefined),
  post: (url, headers, body) =>
    fetch(url, { method: 'POST', headers, body })
      .then((answer) => answer.text())
      .catch(() => null),
});
const connection = builtIn.connect({
  readable: wire.readable.pipeThrough(witnessed(witnessPrompt)),
  writable: answers.writable,
});

const over = connection.closed.then(() => true);
while (!(await Promise.race([over, setTimeout(CALL_EVERY_MS, false)]))) {
  try {
    const answer = await town.fetch('/v1/agent/peers', { signal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
    await answer.body?.cancel();
  } catch {
    // The weather: it calls again.
  }
}
await written.catch(() => undefined);
process.exit();
