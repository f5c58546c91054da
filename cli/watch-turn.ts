/** A message that is sent from a terminal: its answer is shown while it is written. */
import type { Message } from '../client/index.ts';
import { aborted } from '../scripts/ending.ts';
import { EXIT, Ended } from './exit.ts';
import type { Session } from './session.ts';
import { say } from './world.ts';

/**
 * The message once it is over, and shown: on a terminal and as lines of JSON while it is written, else as a whole, so that a program
 * reads the reply and nothing else. The town's stream is there before the message is sent. Ctrl-C ends the watching, not the turn.
 */
export async function watchTurn(
  session: Session,
  town: string,
  agent: string,
  send: () => Promise<Message>,
): Promise<Message> {
  const { client, output, until, world } = session;
  const isLive = output.format === 'jsonl' || (output.format === 'table' && world.stdout.isTTY === true);
  const writing = new Writing((text) => (output.format === 'jsonl' ? output.line({ text }) : output.text(text)));
  const live = Promise.withResolvers<void>();
  const stream = client.follow(town, {
    onState: ({ name }) => name !== 'connecting' && live.resolve(),
    onDelta: ({ message, attempt, kind, text }) => {
      if (isLive && kind === 'text') writing.add(message, attempt, text);
    },
    onEvent: (event) => {
      if (event.type !== 'reeve.permission.requested' || !writing.isOf(event.data.message)) return;
      say(world, `${agent} asks for a permission: reeve permissions answer ${town} ${event.data.permission} --allow`);
    },
  });
  let sent: Message | null = null;
  try {
    await Promise.race([live.promise, aborted(world.ending)]);
    if (world.ending.aborted) throw new Ended(EXIT.interrupted);
    sent = await send();
    writing.begin(sent.id);
    const message = await client.waitForMessage(town, agent, sent.id, until);
    // The answer may overtake the last pieces, and a reader that is behind gets none.
    const rest = message.state === 'done' ? writing.rest(message.reply ?? '') : '';
    if (output.format === 'table') {
      if (message.state === 'done') output.text(`${rest}\n`);
      return message;
    }
    if (isLive && rest !== '') output.line({ text: rest });
    output.line(message);
    return message;
  } catch (thrown) {
    if (!world.ending.aborted || sent === null) throw thrown;
    if (writing.hasBegun) output.text('\n');
    throw new Ended(EXIT.interrupted, `the turn goes on: reeve messages get ${town} ${agent} ${sent.id}`);
  } finally {
    stream.close();
  }
}

/** What is shown of a reply. A turn that begins again writes anew. */
class Writing {
  readonly #show: (text: string) => void;
  #message = '';
  #attempt = 0;
  #shown = '';
  /** Pieces may come before the answer that names the message. */
  #early: { readonly message: string; readonly attempt: number; readonly text: string }[] = [];

  constructor(show: (text: string) => void) {
    this.#show = show;
  }

  get hasBegun(): boolean {
    return this.#shown !== '';
  }

  isOf(message: string): boolean {
    return this.#message === message;
  }

  begin(message: string): void {
    this.#message = message;
    for (const piece of this.#early.splice(0)) this.add(piece.message, piece.attempt, piece.text);
  }

  add(message: string, attempt: number, text: string): void {
    if (this.#message === '') return void this.#early.push({ message, attempt, text });
    if (message !== this.#message) return;
    if (attempt !== this.#attempt && this.hasBegun) {
      this.#show('\n');
      this.#shown = '';
    }
    this.#attempt = attempt;
    this.#shown += text;
    this.#show(text);
  }

  /** What of the whole reply is to be shown yet: all of it, anew, where pieces are missing. */
  rest(reply: string): string {
    if (reply.startsWith(this.#shown)) return reply.slice(this.#shown.length);
    return `\n${reply}`;
  }
}
