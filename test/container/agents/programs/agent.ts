/**
 * A small agent in the Agent Client Protocol, without any library, that behaves as its first argument says; by default well. What it
 * says in JSON-RPC is written out here, so that a test of the other side depends on no library's reading of the protocol.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

type Message = { readonly id?: number; readonly method?: string; readonly params?: object; readonly result?: unknown };

const [mode = 'good', extra = ''] = process.argv.slice(2);
const say = (text: string): boolean => mode !== 'mute' && process.stdout.write(text);
const send = (message: object): boolean => say(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const answer = (id: number | undefined, result: object): boolean => send({ id, result });
const update = (change: object): boolean =>
  send({ method: 'session/update', params: { sessionId: 'session-1', update: change } });
const text = (said: string): boolean =>
  update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: said } });
const end = (id: number | undefined, stopReason = 'end_turn'): boolean => answer(id, { stopReason });

/** Returns when it is in the pipe; waits for that without a turn of the event loop. */
function sendNow(message: object): void {
  let rest = Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EAGAIN') throw thrown;
    }
  }
}

/** Prompts that wait for something: the id of each. */
const waiting: number[] = [];

const AT_START: Readonly<Record<string, () => void>> = {
  crash: () => {
    process.stderr.write(`it cannot go on: ${process.env['KEY'] ?? ''}\n`);
    process.exit(3);
  },
  environment: () => say(`${JSON.stringify(process.env)}\n${Object.entries(process.env).join('\n')}\n`),
  noise: () => say('a banner\n{"half": \n[]\n"text"\n\n'),
  deaf: () => process.on('SIGTERM', () => undefined),
  children: () => {
    const sleep = 'setInterval(() => {}, 1000)';
    const inGroup = spawn(process.execPath, ['-e', sleep], { stdio: 'inherit' });
    const inSession = spawn(process.execPath, ['-e', sleep], { stdio: 'ignore', detached: true });
    writeFileSync(extra, JSON.stringify([inGroup.pid, inSession.pid]));
  },
  mute: () => closeSync(1),
};

const IN_TURN: Readonly<Record<string, (id: number | undefined, prompt: string) => void>> = {
  good: (id) => {
    text('hello');
    end(id);
  },
  shell: (id, prompt) => {
    const { stdout, stderr } = spawnSync('/bin/sh', ['-c', prompt], { encoding: 'utf8' });
    text(`${stdout}${stderr}`);
    end(id);
  },
  exit: () => process.exit(7),
  // With as many bytes as it may have: the runtime itself ends it.
  fill: () => {
    const kept: number[][] = [];
    for (;;) kept.push(Array.from({ length: 100_000 }, (_, at) => at + kept.length + 0.5));
  },
  hang: (id) => void waiting.push(id ?? 0),
  stop: (id) => void end(id, extra),
  fail: (id) => void send({ id, error: { code: -32_603, message: 'Internal error', data: { details: extra } } }),
  flood: (id) => {
    for (let at = 0; at < 20_000; at += 1) text('x'.repeat(100));
    end(id);
  },
  // Has no turn of its event loop in which it could look at an answer.
  unread: () => {
    for (let nth = 1_000; ; nth += 1) sendNow({ id: nth, method: 'fs/read_text_file', params: { path: 'a.txt' } });
  },
  curious: (id) => {
    for (let nth = 1_000; nth < 1_900; nth += 1)
      send({ id: nth, method: 'fs/read_text_file', params: { path: 'a.txt' } });
    text('still here');
    end(id);
  },
  huge: () => {
    const piece = 'x'.repeat(1024 * 1024);
    for (let at = 0; at < 10; at += 1) say(piece);
  },
  // What a file holds, byte by byte.
  lines: (id) => {
    process.stdout.write(readFileSync(extra));
    text('still here');
    end(id);
  },
  half: () => void say('{"jsonrpc":"2.0","method":"session/up'),
  tools: (id) => {
    const call = { toolCallId: 't1', title: 'Read a.txt', kind: 'read', rawInput: { path: 'a.txt' } };
    update({ sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text: 'hm' } });
    update({ sessionUpdate: 'tool_call', status: 'in_progress', ...call });
    const content = [{ type: 'content', content: { type: 'text', text: 'its text' } }];
    update({ sessionUpdate: 'tool_call_update', toolCallId: 't1', status: 'completed', content });
    update({ sessionUpdate: 'plan', entries: [{ content: 'look', status: 'pending', priority: 'high' }] });
    text('done');
    end(id);
  },
  ask: (id) => {
    waiting.push(id ?? 0);
    const toolCall = { toolCallId: 't1', title: 'Write a.txt', kind: 'edit', rawInput: { path: 'a.txt' } };
    const kinds = extra === '' ? ['allow_always', 'allow_once', 'reject_once'] : extra.split(',');
    const options = kinds.map((kind) => ({ optionId: `id-of-${kind}`, name: kind, kind }));
    send({ id: 100, method: 'session/request_permission', params: { sessionId: 'session-1', toolCall, options } });
  },
};

/** The text of the first part of a prompt. */
function promptOf(params: object | undefined): string {
  const { prompt } = params as { readonly prompt: readonly { readonly text: string }[] };
  return prompt[0]?.text ?? '';
}

function receive({ id, method, params, result }: Message): void {
  if (method === 'initialize') {
    if (mode === 'silent') return;
    answer(id, { protocolVersion: mode === 'version' ? 99 : 1, agentCapabilities: {} });
  } else if (method === 'session/new') {
    if (mode === 'auth')
      send({ id, error: { code: -32_000, message: `Authentication required ${process.env['KEY'] ?? ''}` } });
    else answer(id, { sessionId: 'session-1' });
    // Node leaves the file open when it is done with its input.
    if (mode === 'blind') process.stdin.destroy().once('close', () => closeSync(0));
  } else if (method === 'session/prompt') (IN_TURN[mode] ?? IN_TURN['good'])?.(id, promptOf(params));
  else if (method === 'session/cancel' && mode === 'ask') for (const one of waiting.splice(0)) end(one, 'cancelled');
  else if (id === 100) {
    text(JSON.stringify(result));
    for (const one of waiting.splice(0)) end(one);
  }
}

AT_START[mode]?.();
const lines = createInterface(process.stdin);
lines.on('line', (line) => {
  const message: Message = JSON.parse(line);
  receive(message);
});
// Two go on without a peer.
if (mode !== 'deaf' && mode !== 'blind') lines.on('close', () => process.exit(0));
if (mode === 'blind' || mode === 'deaf') setInterval(() => undefined, 1000);
