import { describe, expect, it } from 'vitest';
import { MAX_REPLY_BYTES, turnEventSchema, type TurnEvent } from '#protocol';
import type { Prompt } from '../../../container/agents/agent-process.ts';
import { TurnQueue } from '../../../container/agents/turn-queue.ts';
import { TurnTrace } from '../../../container/agents/turn-trace.ts';
import { passingTracer } from '../../../container/lib/tracer.ts';
import { message } from '../support/control-server.ts';
import { agentId, messageId } from '../../support/ids.ts';
import { KeptLog } from '../support/log.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

/** A queue whose agent answers when the test says so. */
class Scene {
  readonly clock = new ManualClock();
  readonly life = new AbortController();
  readonly log = new KeptLog();
  readonly platform = {
    clock: this.clock,
    log: this.log,
    tracer: passingTracer((count) => new Uint8Array(count).fill(7)),
  };
  readonly events: TurnEvent[] = [];
  readonly prompts: Prompt[] = [];
  readonly work: boolean[] = [];
  mayContinue = true;
  ready: () => Promise<void> = () => Promise.resolve();
  #answers: PromiseWithResolvers<string>[] = [];
  readonly queue = new TurnQueue({
    ready: () => this.ready(),
    prompt: (prompt) => {
      this.prompts.push(prompt);
      const answer = Promise.withResolvers<string>();
      this.#answers.push(answer);
      return answer.promise;
    },
    report: (event) => void this.events.push(turnEventSchema.parse(event)),
    trace: (message) => new TurnTrace({ platform: this.platform, agent: agentId(1), inc: 1 }, message),
    onWork: (working) => void this.work.push(working),
    mayContinue: () => this.mayContinue,
    townNowMs: () => this.clock.nowMs(),
    life: this.life.signal,
  });

  /** Ends the turn under way. */
  async reply(text: string): Promise<void> {
    this.#answers.shift()?.resolve(text);
    await settle();
  }

  async fail(thrown: Error): Promise<void> {
    this.#answers.shift()?.reject(thrown);
    await settle();
  }

  contents(): string[] {
    return this.prompts.map(({ message }) => message.content);
  }

  types(): string[] {
    return this.events.map((event) => `${event.type} ${'attempt' in event ? event.attempt : '-'}`);
  }

  /** The town has everything. */
  acknowledgeAll(): void {
    for (const event of this.events.splice(0)) this.queue.acknowledge(event);
  }
}

async function working(content = 'hello'): Promise<Scene> {
  const scene = new Scene();
  scene.queue.deliver([message(1, content)]);
  await settle();
  return scene;
}

describe('order', () => {
  it('works on one at a time, in order of seq, whatever the order of arrival', async () => {
    const scene = new Scene();
    scene.queue.deliver([message(2, 'two'), message(1, 'one')]);
    await settle();
    scene.queue.deliver([message(4, 'four'), message(3, 'three')]);
    expect(scene.contents()).toEqual(['one']);
    for (const text of ['1', '2', '3', '4']) await scene.reply(text);
    expect(scene.contents()).toEqual(['one', 'two', 'three', 'four']);
    expect(scene.work.at(-1)).toBe(false);
  });

  it('a turn that fails does not stop the next', async () => {
    const scene = new Scene();
    scene.queue.deliver([message(1, 'one'), message(2, 'two')]);
    await settle();
    await scene.fail(new Error('no such file'));
    await scene.reply('done');
    expect(scene.events.flatMap((event) => (event.type === 'turn.finished' ? [event.result] : []))).toEqual([
      { state: 'failed', error: 'no such file' },
      { state: 'done', reply: 'done', truncated: false },
    ]);
  });

  it('M-09, W-01: begins only when the process takes prompts and the token is fresh', async () => {
    const scene = new Scene();
    const gate = Promise.withResolvers<void>();
    scene.ready = () => gate.promise;
    scene.queue.deliver([message(1, 'one')]);
    await settle();
    expect(scene.prompts).toHaveLength(0);
    expect(scene.queue.held()).toEqual([{ message: messageId(1), attempt: 1, state: 'delivered' }]);
    gate.resolve();
    await settle();
    expect(scene.prompts).toHaveLength(1);
  });

  it('begins nothing more once the agent is over', async () => {
    const scene = await working();
    scene.queue.deliver([message(2, 'two')]);
    scene.mayContinue = false;
    await scene.reply('done');
    expect(scene.contents()).toEqual(['hello']);
    expect(scene.work.at(-1)).toBe(false);
  });
});

describe('what is reported', () => {
  it('a start, the pieces of text and of thoughts, and the result, with the town’s time', async () => {
    const scene = await working();
    scene.prompts[0]?.emit({ kind: 'thought', text: 'hm' });
    scene.prompts[0]?.emit({ kind: 'text', text: 'a piece' });
    await scene.reply('the reply');
    const at = new Date(ManualClock.START_MS).toISOString();
    const stamp = { message: messageId(1), attempt: 1, at };
    expect(scene.events).toEqual([
      { type: 'turn.started', ...stamp },
      { type: 'turn.delta', ...stamp, kind: 'thought', text: 'hm' },
      { type: 'turn.delta', ...stamp, kind: 'text', text: 'a piece' },
      { type: 'turn.finished', ...stamp, result: { state: 'done', reply: 'the reply', truncated: false } },
    ]);
  });

  it('a reply at the limit is whole, one byte more is cut and marked', async () => {
    for (const [size, truncated] of [
      [MAX_REPLY_BYTES, false],
      [MAX_REPLY_BYTES + 1, true],
    ] as const) {
      const scene = await working();
      await scene.reply('x'.repeat(size));
      const [held] = scene.queue.held();
      expect(held?.result).toEqual({ state: 'done', reply: 'x'.repeat(MAX_REPLY_BYTES), truncated });
    }
  });

  it('a long piece of text or of a thought goes out in several events, a long error cut', async () => {
    const scene = await working();
    for (const kind of ['text', 'thought'] as const) {
      scene.prompts[0]?.emit({ kind, text: 'y'.repeat(40_000) });
      expect(scene.events.filter((event) => event.type === 'turn.delta' && event.kind === kind)).toHaveLength(3);
    }
    await scene.fail(new Error('z'.repeat(5_000)));
    expect(scene.queue.held()[0]?.result).toEqual({ state: 'failed', error: 'z'.repeat(2_000) });
  });

  it('what the agent says after its turn is dropped', async () => {
    const scene = await working();
    await scene.reply('done');
    const before = scene.events.length;
    scene.prompts[0]?.emit({ kind: 'text', text: 'one more thing' });
    expect(scene.events).toHaveLength(before);
  });

  it('its status follows the turn', async () => {
    const scene = await working();
    await scene.clock.advance(5_000);
    scene.prompts[0]?.emit({ kind: 'task', task: 'reading'.padEnd(300, '.') });
    const lastProgressAtMs = ManualClock.START_MS + 5_000;
    expect(scene.queue.status).toEqual({ turn: messageId(1), task: 'reading'.padEnd(256, '.'), lastProgressAtMs });
    await scene.reply('done');
    expect(scene.queue.status.turn).toBeNull();
  });
});

describe('repeats', () => {
  it('K-08: the same attempt again is answered with its state and not run again', async () => {
    const scene = await working();
    const again = (): unknown => scene.queue.deliver([message(1, 'hello')])[0];
    expect(again()).toEqual({ message: messageId(1), attempt: 1, state: 'working' });
    await scene.reply('done');
    const result = { state: 'done', reply: 'done', truncated: false };
    expect(again()).toEqual({ message: messageId(1), attempt: 1, state: 'done', result });
    scene.acknowledgeAll();
    // A town that asks again does not have it, whatever it has acknowledged.
    expect(again()).toEqual({ message: messageId(1), attempt: 1, state: 'done', result });
    await settle();
    expect(scene.prompts).toHaveLength(1);
    expect(scene.queue.held()).toEqual([{ message: messageId(1), attempt: 1, state: 'done' }]);
  });

  it('K-08: a higher attempt of a waiting message runs once, under the new number', async () => {
    const scene = await working();
    scene.queue.deliver([message(2, 'two')]);
    expect(scene.queue.deliver([message(2, 'two', 2)])).toEqual([
      { message: messageId(2), attempt: 2, state: 'delivered' },
    ]);
    await scene.reply('1');
    await scene.reply('2');
    expect(scene.contents()).toEqual(['hello', 'two']);
    expect(scene.types().slice(-2)).toEqual(['turn.started 2', 'turn.finished 2']);
  });

  it('K-08: a higher attempt of a turn under way takes its result', async () => {
    const scene = await working();
    expect(scene.queue.deliver([message(1, 'hello', 3)])).toEqual([
      { message: messageId(1), attempt: 3, state: 'working' },
    ]);
    await scene.reply('done');
    expect(scene.prompts).toHaveLength(1);
    expect(scene.types()).toEqual(['turn.started 1', 'turn.finished 3']);
  });

  it('K-08: a higher attempt of a finished turn gets its result, reported again', async () => {
    const scene = await working();
    await scene.reply('done');
    const earlier = scene.events.splice(0);
    expect(scene.queue.deliver([message(1, 'hello', 2)])[0]).toMatchObject({
      attempt: 2,
      state: 'done',
      result: { reply: 'done' },
    });
    expect(scene.types()).toEqual(['turn.finished 2']);
    for (const event of earlier) scene.queue.acknowledge(event);
    expect(scene.queue.held()[0]?.result).toBeDefined();
    scene.acknowledgeAll();
    expect(scene.queue.held()).toEqual([{ message: messageId(1), attempt: 2, state: 'done' }]);
    expect(scene.prompts).toHaveLength(1);
  });

  it('K-08: a higher attempt of a result that the town has acknowledged gets it again, reported anew; it does not run', async () => {
    const scene = await working();
    await scene.reply('the reply');
    scene.acknowledgeAll();
    const result = { state: 'done', reply: 'the reply', truncated: false };
    const held = { message: messageId(1), attempt: 2, state: 'done', result };
    expect(scene.queue.deliver([message(1, 'hello', 2)])).toEqual([held]);
    expect(scene.events).toMatchObject([{ type: 'turn.finished', attempt: 2, result }]);
    scene.acknowledgeAll();
    expect(scene.queue.deliver([message(1, 'hello', 3)])).toEqual([{ ...held, attempt: 3 }]);
    expect(scene.prompts).toHaveLength(1);
  });

  it('K-08: a higher attempt of a result that is let go of fails, and says why; it does not run', async () => {
    const scene = await working();
    await scene.reply('done');
    scene.acknowledgeAll();
    // Two MiB of later results, and the first makes room.
    for (let seed = 2; seed <= 10; seed += 1) {
      scene.queue.deliver([message(seed, 'hello')]);
      await settle();
      await scene.reply('x'.repeat(255 * 1024));
      scene.acknowledgeAll();
    }
    expect(scene.queue.deliver([message(1, 'hello', 2)])[0]).toMatchObject({
      attempt: 2,
      state: 'failed',
      result: { state: 'failed' },
    });
    await settle();
    expect(scene.types()).toEqual(['turn.finished 2']);
    expect(scene.prompts).toHaveLength(10);
  });

  it('a lower attempt is late and changes nothing', async () => {
    const scene = new Scene();
    scene.queue.deliver([message(1, 'hello', 4)]);
    expect(scene.queue.deliver([message(1, 'hello', 3)])).toEqual([
      { message: messageId(1), attempt: 4, state: 'delivered' },
    ]);
    await settle();
    expect(scene.prompts).toHaveLength(1);
  });

  it('remembers 1,000 acknowledged messages, the newest', async () => {
    const scene = new Scene();
    for (let seed = 1; seed <= 1_001; seed += 1) {
      scene.queue.deliver([message(seed, 'hello')]);
      while (scene.prompts.length < seed) await Promise.resolve();
      await scene.reply('done');
      scene.acknowledgeAll();
    }
    expect(scene.queue.held()).toHaveLength(1_000);
    expect(scene.queue.held()[0]?.message).toBe(messageId(2));
  });
});

describe('an interrupt', () => {
  it('aborts the prompt; the next turn begins when the agent has let go, whatever it answers', async () => {
    for (const end of ['reply', 'fail'] as const) {
      const scene = await working();
      scene.queue.deliver([message(2, 'two')]);
      expect(scene.queue.interrupt(null)).toBe(true);
      expect(scene.prompts[0]?.signal.aborted).toBe(true);
      expect(scene.contents()).toEqual(['hello']);
      await (end === 'reply' ? scene.reply('half an answer') : scene.fail(new Error('aborted')));
      expect(scene.contents()).toEqual(['hello', 'two']);
      expect(scene.queue.held()[0]).toMatchObject({ state: 'failed', result: { error: 'interrupted' } });
      expect(scene.prompts[1]?.signal.aborted).toBe(false);
    }
  });

  it('of a turn that waits for its process is kept: it does not begin', async () => {
    const scene = new Scene();
    const gate = Promise.withResolvers<void>();
    scene.ready = () => gate.promise;
    scene.queue.deliver([message(1, 'one')]);
    await settle();
    expect(scene.queue.interrupt(messageId(1))).toBe(true);
    gate.resolve();
    await settle();
    expect(scene.prompts).toHaveLength(0);
    expect(scene.types()).toEqual(['turn.finished 1']);
  });

  it('of a message that waits ends that one alone: the turn under way goes on, and so does what is behind it', async () => {
    const scene = new Scene();
    scene.queue.deliver([message(1, 'one'), message(2, 'two'), message(3, 'three')]);
    await settle();
    expect(scene.queue.interrupt(messageId(2))).toBe(true);
    expect(scene.queue.held().map(({ state }) => state)).toEqual(['working', 'failed', 'delivered']);
    await scene.reply('1');
    await scene.reply('3');
    expect(scene.contents()).toEqual(['one', 'three']);
    expect(scene.queue.held().map(({ state }) => state)).toEqual(['done', 'failed', 'done']);
  });

  it('finds nothing where nothing runs, and after the end of a turn', async () => {
    const scene = new Scene();
    expect(scene.queue.interrupt(null)).toBe(false);
    expect(scene.queue.interrupt(messageId(1))).toBe(false);
    scene.queue.deliver([message(1, 'one')]);
    await settle();
    await scene.reply('done');
    expect([scene.queue.interrupt(null), scene.queue.interrupt(messageId(1))]).toEqual([false, false]);
    expect(scene.types()).toEqual(['turn.started 1', 'turn.finished 1']);
  });
});

describe('a withdrawal', () => {
  it('that comes before its message keeps it from running, in whatever attempt it is delivered later', async () => {
    const scene = new Scene();
    expect(scene.queue.withdraw(messageId(1))).toBe(false);
    const [held] = scene.queue.deliver([message(1, 'one'), message(2, 'two')]);
    await settle();
    expect(held).toMatchObject({ state: 'failed', result: { error: 'interrupted' } });
    expect(scene.contents()).toEqual(['two']);
    scene.acknowledgeAll();
    expect(scene.queue.deliver([{ ...message(1, 'one'), attempt: 2 }])).toMatchObject([{ state: 'failed' }]);
    await scene.reply('done');
    expect(scene.contents()).toEqual(['two']);
  });

  it('ends a turn under way, and one that waits', async () => {
    const scene = await working();
    scene.queue.deliver([message(2, 'two')]);
    expect([scene.queue.withdraw(messageId(2)), scene.queue.withdraw(messageId(1))]).toEqual([true, true]);
    expect(scene.prompts[0]?.signal.aborted).toBe(true);
    await scene.reply('half an answer');
    expect(scene.contents()).toEqual(['hello']);
  });
});

describe('the end', () => {
  it('that comes while a turn gets ready keeps it from beginning', async () => {
    const scene = new Scene();
    const gate = Promise.withResolvers<void>();
    scene.ready = () => gate.promise;
    scene.queue.deliver([message(1, 'one'), message(2, 'two')]);
    await settle();
    scene.life.abort();
    gate.resolve();
    await settle();
    expect(scene.prompts).toEqual([]);
    expect(scene.events).toEqual([]);
    expect(scene.work.at(-1)).toBe(false);
  });

  it('that the town orders while a turn gets ready keeps it from beginning, and the turn has no result', async () => {
    const scene = new Scene();
    const gate = Promise.withResolvers<void>();
    scene.ready = () => gate.promise;
    scene.queue.deliver([message(1, 'one')]);
    await settle();
    scene.mayContinue = false;
    gate.resolve();
    await settle();
    expect(scene.prompts).toEqual([]);
    expect(scene.queue.held()).toEqual([{ message: messageId(1), attempt: 1, state: 'delivered' }]);
  });

  it('W-17: a reply that comes after the teardown is dropped, and nothing else begins', async () => {
    const scene = await working();
    scene.queue.deliver([message(2, 'two')]);
    const before = scene.events.length;
    scene.life.abort();
    expect(scene.prompts[0]?.signal.aborted).toBe(true);
    scene.prompts[0]?.emit({ kind: 'text', text: 'late' });
    await scene.reply('late');
    expect(scene.events).toHaveLength(before);
    expect(scene.prompts).toHaveLength(1);
  });
});

describe('an end by name', () => {
  it('ends the message that it names, which does not begin, and not the one under way', async () => {
    const scene = await working('one');
    scene.queue.deliver([message(2, 'two'), message(3, 'three')]);
    expect(scene.queue.interrupt(messageId(2))).toBe(true);
    expect(scene.prompts[0]?.signal.aborted).toBe(false);
    expect(scene.queue.interrupt(messageId(2))).toBe(false);
    expect(scene.queue.interrupt(messageId(9))).toBe(false);
    await scene.reply('1');
    await scene.reply('3');
    expect(scene.contents()).toEqual(['one', 'three']);
    const results = scene.events.flatMap((event) => (event.type === 'turn.finished' ? [event] : []));
    expect(results.map(({ message, result }) => [message, result.state])).toEqual([
      [messageId(2), 'failed'],
      [messageId(1), 'done'],
      [messageId(3), 'done'],
    ]);
  });
});

describe('the trace of a message', () => {
  const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
  const traced = { ...message(1, 'hello'), traceparent: `00-${TRACE}-00f067aa0ba902b7-01` };
  const lines = (scene: Scene) => scene.log.lines.map(({ event, fields }) => [event, fields]);
  const about = { agent: agentId(1), inc: 1, message: messageId(1) };
  const span = { trace_id: TRACE, span_id: '07'.repeat(8) };

  it('is handed to the agent, and named in the lines of its hand-over, its start and its end', async () => {
    const scene = new Scene();
    scene.queue.deliver([traced]);
    await settle();
    expect(scene.prompts[0]?.traceparent).toBe(`00-${TRACE}-${'07'.repeat(8)}-01`);
    await scene.clock.advance(1500);
    await scene.reply('done');
    expect(lines(scene)).toEqual([
      ['message_taken', { ...about, ...span }],
      ['turn_started', { ...about, ...span }],
      ['turn_finished', { ...about, ...span, state: 'done', duration_ms: 1500 }],
    ]);
  });

  it('is kept until the town has the result, for the report of it', async () => {
    const scene = new Scene();
    scene.queue.deliver([traced]);
    await settle();
    await scene.reply('done');
    expect(scene.queue.traceOf(messageId(1))).toContain(TRACE);
    scene.acknowledgeAll();
    expect(scene.queue.traceOf(messageId(1))).toBeNull();
  });

  it('is none where the message has none', async () => {
    const scene = await working();
    await scene.fail(new Error('no'));
    expect(scene.prompts[0]?.traceparent).toBeNull();
    expect(lines(scene).at(-1)).toEqual(['turn_finished', { ...about, state: 'failed', duration_ms: 0 }]);
  });

  it('ends with an agent that is gone before its turn is over', async () => {
    const scene = new Scene();
    scene.queue.deliver([traced]);
    await settle();
    scene.life.abort();
    await scene.reply('too late');
    expect(lines(scene).at(-1)).toEqual(['turn_finished', { ...about, ...span, state: 'dropped', duration_ms: 0 }]);
  });
});
